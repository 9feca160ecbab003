"""Contract suites without pytest: for notebooks and documentation."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory


def check(suite: type) -> int:
    """Run every test of a contract suite and return their number. The first that fails raises its AssertionError."""
    names = [name for name in dir(suite) if name.startswith("test_")]
    for name in names:
        test = getattr(suite(), name)
        if "tmp_path" in signature(test).parameters:
            with TemporaryDirectory() as folder:
                test(tmp_path=Path(folder))
        else:
            test()
    return len(names)
