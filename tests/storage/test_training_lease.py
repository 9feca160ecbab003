"""What is held while somebody learns: by the living only."""

import os
import signal
import subprocess
import sys

from shortlist.storage.home import Home
from shortlist.storage.training_lease import held, lowest_held

CHILD = """
import sys, time
from pathlib import Path
from shortlist.storage.training_lease import held
from shortlist.storage.home import Home

with held(Home.open(Path(sys.argv[1])), 7):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lowest_counts_until_it_ends(tmp_path):
    home = Home.open(tmp_path)
    assert lowest_held(home) is None
    with held(home, 9):
        assert lowest_held(home) == 9
        with held(home, 4), held(home, 4):
            assert lowest_held(home) == 4
        assert lowest_held(home) == 9
    assert lowest_held(home) is None
    assert not list(home.held.iterdir())


def test_what_the_dead_held_counts_no_more(tmp_path):
    home = Home.open(tmp_path)
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert lowest_held(home) == 7
        os.kill(child.pid, signal.SIGKILL)
    assert len(list(home.held.iterdir())) == 1
    assert lowest_held(home) is None
    assert not list(home.held.iterdir())
