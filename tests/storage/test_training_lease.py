"""Leases of training runs: those of living processes count."""

import os
import signal
import subprocess
import sys

from shortlist.storage.home import Home
from shortlist.storage.training_lease import lowest_lease, training_lease

CHILD = """
import sys, time
from pathlib import Path
from shortlist.storage.training_lease import training_lease
from shortlist.storage.home import Home

with training_lease(Home.open(Path(sys.argv[1])), 7):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lowest_counts_until_it_ends(tmp_path):
    home = Home.open(tmp_path)
    assert lowest_lease(home) is None
    with training_lease(home, 9):
        assert lowest_lease(home) == 9
        with training_lease(home, 4), training_lease(home, 4):
            assert lowest_lease(home) == 4
        assert lowest_lease(home) == 9
    assert lowest_lease(home) is None
    assert not list(home.leases.iterdir())


def test_the_lease_of_a_dead_process_counts_no_more(tmp_path):
    home = Home.open(tmp_path)
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=paths) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert lowest_lease(home) == 7
        os.kill(child.pid, signal.SIGKILL)
    assert len(list(home.leases.iterdir())) == 1
    assert lowest_lease(home) is None
    assert not list(home.leases.iterdir())
