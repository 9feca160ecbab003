"""Real data for tests (in SHORTLIST_DATA, or in shared/data beside the project's folder), and processes of tests."""

import os
import sys
from pathlib import Path

import pytest

# processes that tests start import the code under test too, not an installed copy
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))

BESIDE = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of public data sets; a test that needs it is skipped with a reason where there is none."""
    named = os.environ.get("SHORTLIST_DATA")
    folder = Path(named) if named else BESIDE
    if not folder.is_dir():
        pytest.skip("no public data sets here: set SHORTLIST_DATA to their folder")
    return folder
