import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.base.errors import NotFoundError, ReleaseError
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases


@pytest.fixture
def home(tmp_path):
    return Home.open(tmp_path / "home")


def write(folder):
    (folder / "model").mkdir()
    (folder / "model" / "weights.npy").write_bytes(b"weights")
    (folder / "system.json").write_text("{}")


def manifest_of(home, number):
    return home.releases / f"{number:04d}" / "manifest.json"


def test_the_first_release_is_number_one_and_nothing_serves_yet(home):
    releases = Releases(home)
    assert releases.list() == []
    assert releases.current() is None
    assert releases.add(write, {"recall": 0.5}) == 1
    assert releases.add(write, {}) == 2
    assert releases.current() is None
    first, second = releases.list()
    assert (first.number, first.facts, first.files, first.bytes) == (1, {"recall": 0.5}, 2, 9)
    assert second.number == 2
    assert (releases.open(1) / "model" / "weights.npy").read_bytes() == b"weights"


def test_publishing_switches_forward_and_back(home):
    releases = Releases(home)
    for _ in range(2):
        releases.add(write, {})
    releases.publish(2)
    assert Releases(home).current() == 2
    releases.publish(1)
    assert releases.current() == 1


def test_an_unknown_number_lists_the_known_ones(home):
    releases = Releases(home)
    with pytest.raises(NotFoundError, match="no release 3; releases here: none yet"):
        releases.open(3)
    releases.add(write, {})
    releases.add(write, {})
    with pytest.raises(NotFoundError, match="no release 3; releases here: 1, 2"):
        releases.publish(3)
    assert releases.current() is None


def test_a_failed_add_leaves_nothing(home):
    releases = Releases(home)

    def fail(folder):
        write(folder)
        raise ValueError("training broke")

    with pytest.raises(ValueError, match="training broke"):
        releases.add(fail, {})
    assert releases.list() == []
    assert releases.add(write, {}) == 1


def test_facts_that_are_no_json_leave_nothing(home):
    with pytest.raises(TypeError):
        Releases(home).add(write, {"folder": object()})
    assert Releases(home).list() == []


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(["model/weights.npy", "system.json", "manifest.json"]),
    position=st.floats(0, 1, exclude_max=True),
    change=st.integers(1, 255),
)
def test_any_changed_byte_of_any_file_is_noticed(tmp_path_factory, name, position, change):
    releases = Releases(Home.open(tmp_path_factory.mktemp("home")))
    number = releases.add(write, {"note": "whole"})
    folder = releases.open(number)
    content = bytearray((folder / name).read_bytes())
    content[int(position * len(content))] ^= change
    if name == "manifest.json":
        try:
            if json.loads(bytes(content)) == json.loads((folder / name).read_bytes()):
                return  # white space
        except ValueError:
            pass
    (folder / name).write_bytes(content)
    with pytest.raises(ReleaseError, match=name):
        releases.open(number)
    with pytest.raises(ReleaseError):
        releases.publish(number)


@pytest.mark.parametrize("damage", [lambda f: f.unlink(), lambda f: f.write_bytes(b"weigh")])
def test_a_missing_or_shorter_file_is_named(home, damage):
    releases = Releases(home)
    releases.add(write, {})
    damage(releases.open(1) / "model" / "weights.npy")
    with pytest.raises(ReleaseError, match=r"release 1 is damaged: model/weights\.npy"):
        releases.open(1)
    assert releases.open(1, verify=False).is_dir()


def test_a_damaged_manifest_shows_in_the_list_and_hides_no_other(home):
    releases = Releases(home)
    for _ in range(2):
        releases.add(write, {})
    manifest_of(home, 1).write_text("{")
    first, second = releases.list()
    assert "damaged" in first.problem
    assert not second.problem


def test_a_newer_format_is_refused(home):
    releases = Releases(home)
    releases.add(write, {})
    manifest = json.loads(manifest_of(home, 1).read_text())
    manifest_of(home, 1).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ReleaseError, match="has format 99, and this Shortlist reads up to 1: upgrade"):
        releases.open(1)


def test_a_release_under_another_number_is_foreign(home):
    releases = Releases(home)
    releases.add(write, {})
    (home.releases / "0001").rename(home.releases / "0005")
    with pytest.raises(ReleaseError, match="foreign"):
        releases.open(5)


@pytest.mark.parametrize("content", ["", "latest", "-1", "1 2"])
def test_a_garbled_current_is_an_error(home, content):
    home.current.write_text(content)
    with pytest.raises(ReleaseError, match="should hold a release's number"):
        Releases(home).current()


def test_what_a_crash_left_is_cleaned_by_the_next_add(home):
    child = """
import os, signal, sys
from pathlib import Path
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases

def die(folder):
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

Releases(Home.open(Path(sys.argv[1]))).add(die, {})
"""
    done = subprocess.run([sys.executable, "-c", child, str(home.path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(home.releases.glob("*/half")) != []
    assert Releases(home).list() == []
    assert Releases(home).add(write, {}) == 1
    assert list(home.releases.glob("*/half")) == []
    assert {entry.name for entry in home.releases.iterdir()} == {".lock", "0001"}


def test_adders_at_the_same_time_never_share_a_number(home):
    child = """
import sys
from pathlib import Path
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases

for _ in range(5):
    print(Releases(Home.open(Path(sys.argv[1]))).add(lambda folder: (folder / "a").write_text("a"), {}))
"""
    numbers: list[int] = []

    def here():
        numbers.extend(Releases(home).add(write, {}) for _ in range(5))

    threads = [threading.Thread(target=here) for _ in range(2)]
    with subprocess.Popen(
        [sys.executable, "-c", child, str(home.path)], stdout=subprocess.PIPE, env=os.environ, text=True
    ) as process:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert process.stdout is not None
        numbers += [int(line) for line in process.stdout.read().split()]
    assert sorted(numbers) == list(range(1, 16))
    for facts in Releases(home).list():
        Releases(home).open(facts.number)
