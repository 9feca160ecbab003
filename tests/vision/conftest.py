"""Encoders small enough for tests."""

import pytest

from shortlist import EfficientNetLite0


@pytest.fixture(scope="session")
def small_encoder():
    """EfficientNet-Lite0 on small pictures: quick, and still sees."""
    pytest.importorskip("torch", reason="exporting needs torch")
    return EfficientNetLite0(side=96).fit()
