"""The progress bar: on a real terminal it says what is read; elsewhere it is silent."""

import os
import pty
import subprocess
import sys

CODE = """
from shortlist.data.ingest.progress import bar
with bar("rating: ratings.csv", 200, SHOW) as advance:
    advance(150)
"""


def seen_on_a_terminal(show: str) -> str:
    master, slave = pty.openpty()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "100"}
    subprocess.run(
        [sys.executable, "-c", CODE.replace("SHOW", show)], stderr=slave, env=environment, check=True
    )
    os.close(slave)
    os.set_blocking(master, False)
    try:
        return os.read(master, 100_000).decode()
    except (BlockingIOError, OSError):
        return ""
    finally:
        os.close(master)


def test_a_terminal_sees_rows_and_speed():
    shown = seen_on_a_terminal("None")
    assert "rating: ratings.csv" in shown
    assert "150 rows" in shown
    assert "rows/s" in shown


def test_it_counts_what_it_is_told_to():
    shown = seen_on_a_terminal("None, 'pictures'")
    assert "150 pictures" in shown
    assert "pictures/s" in shown


def test_it_can_be_silenced():
    assert seen_on_a_terminal("False") == ""


def test_without_a_terminal_it_is_silent():
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("SHOW", "None")],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert done.stderr == b""
