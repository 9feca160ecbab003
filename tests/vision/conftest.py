"""Encoders small enough for tests."""

import pytest

from shortlist import EfficientNetLite0


@pytest.fixture(scope="session")
def small_encoder():
    """EfficientNet-Lite0 on small pictures: quick, and still sees."""
    pytest.importorskip("torch", reason="exporting needs torch")
    return EfficientNetLite0(side=96).fit()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test finds what another left in the cache folder."""
    monkeypatch.setenv("SHORTLIST_CACHE", str(tmp_path_factory.mktemp("cache")))
