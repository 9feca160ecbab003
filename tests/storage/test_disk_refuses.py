"""A disk that is really full, folders that may not be written, files that are damaged: one sentence, nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shortlist.base.errors import StoreError
from shortlist.storage.disk_errors import disk_errors
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases

# Accepts until the files may not grow any more, as on a full disk, and prints what was acknowledged before.
FULL = """
import resource, sys
from pathlib import Path
from shortlist.base.errors import StoreError
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases
from shortlist.storage.store import AcceptedEvent

home = Home.open(Path(sys.argv[1]))
store = open_store(home)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
try:
    for n in range(100_000):
        store.accept([AcceptedEvent(f"{n}-{k}", "view", f"u{n}", "x" * 500, n) for k in range(10)])
        print(n)
except StoreError as error:
    print(error, file=sys.stderr)
try:
    Releases(home).add(lambda folder: (folder / "model").write_bytes(b"x" * 700_000), {})
except StoreError as error:
    print(error, file=sys.stderr)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.accept([AcceptedEvent("room", "view", "u", "x", 0)])
store.close()
"""


def test_a_disk_that_is_full_loses_nothing_and_works_again_when_there_is_room(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    store_said, release_error = done.stderr.splitlines()
    assert "state.db: the disk" in store_said
    assert "the disk is full: make room; nothing that was acknowledged is lost" in release_error
    acknowledged = {f"{n}-{k}" for n in done.stdout.split() for k in range(10)} | {"room"}
    store = open_store(Home.open(tmp_path))
    kept = [key for frame in store.scan() for key in frame["event_id"]]
    store.close()
    assert len(acknowledged) > 100
    assert set(kept) == acknowledged, "a batch that was refused is not there at all"
    assert len(kept) == len(set(kept))
    assert Releases(Home.open(tmp_path)).list() == []


@pytest.fixture
def unprivileged():
    """Root may write everywhere, so become another user."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    yield
    if was_root:
        os.seteuid(0)


@pytest.fixture
def read_only(tmp_path):
    tmp_path.chmod(0o555)
    for parent in tmp_path.parents:
        if parent != Path("/") and parent.stat().st_uid == os.getuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    yield tmp_path
    tmp_path.chmod(0o755)


def test_a_home_in_a_folder_that_may_not_be_written(read_only, unprivileged):
    with pytest.raises(StoreError, match="may not be written: check the permissions of the folder"):
        Home.open(read_only / "home")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "x"}'])
def test_a_damaged_home(tmp_path, content):
    Home.open(tmp_path)
    (tmp_path / "home.json").write_text(content)
    with pytest.raises(StoreError, match=r"home\.json is damaged .* restore it from a copy"):
        Home.open(tmp_path)


def test_other_errors_stay_loud():
    with pytest.raises(FileNotFoundError), disk_errors("it"):
        Path("/nowhere/at/all").read_bytes()
    with pytest.raises(KeyError), disk_errors("it"):
        raise KeyError("x")
