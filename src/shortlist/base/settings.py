"""Settings of this machine, from the environment; never part of a System.

SHORTLIST_HOME   folder of one system's state (default: .shortlist/NAME in the working folder)
SHORTLIST_STORE  address of a Redis server that many nodes share, redis://host:6379 (default: a file in the home)
SHORTLIST_DATA   folder with public data sets that are already on this machine
SHORTLIST_CACHE  folder for downloads (default: ~/.cache/shortlist)
"""

import os
from pathlib import Path


def home_folder(system: str) -> Path:
    """The home of ``system``: ``SHORTLIST_HOME``, else ``.shortlist/SYSTEM``."""
    return Path(os.environ.get("SHORTLIST_HOME") or Path(".shortlist") / system)


def store_address() -> str | None:
    """The server that ``SHORTLIST_STORE`` names, if it does."""
    return os.environ.get("SHORTLIST_STORE") or None


def data_folder() -> Path | None:
    """The folder of data sets that ``SHORTLIST_DATA`` names, if it exists."""
    named = os.environ.get("SHORTLIST_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def cache_folder() -> Path:
    """Where downloads are kept between runs."""
    return Path(os.environ.get("SHORTLIST_CACHE") or Path.home() / ".cache" / "shortlist")
