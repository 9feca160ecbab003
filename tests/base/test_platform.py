"""On Windows: declarations work, and all else is refused with one sentence, made in one place."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from shortlist.cli.main import main

ROOT = Path(__file__).parents[2]
SOURCES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts): path.read_text("utf-8")
    for path in (ROOT / "src").rglob("*.py")
}
PLACES = [
    name for name, text in SOURCES.items() if re.search(r"^\s*(import|from) fcntl\b", text, re.MULTILINE)
]
USERS = sorted(name for name, text in SOURCES.items() if re.search(r"import fcntl$", text, re.MULTILINE))

WINDOWS = """
import sys
import polars, numpy, scipy.sparse, sklearn  # read the platform themselves
sys.platform = "win32"
sys.modules["fcntl"] = None
"""


def on_windows(code: str) -> str:
    """The output of ``code`` where the platform claims to be Windows, and has no ``fcntl``."""
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS + code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_module_imports_fcntl():
    assert len(PLACES) == 1
    assert len(USERS) > len(PLACES)


def test_a_system_can_be_declared():
    code = "import runpy; print(runpy.run_path('examples/movies.py')['system'].name)"
    assert on_windows(code) == runpy.run_path(str(ROOT / "examples/movies.py"))["system"].name + "\n"


def test_what_needs_locks_says_so_when_imported():
    code = f"""
from importlib import import_module
from shortlist import ShortlistError
for module in {USERS}:
    try:
        import_module(module)
    except ShortlistError as error:
        print(module, error)
"""
    output = on_windows(code).splitlines()
    assert [line.split()[0] for line in output if "runs on Linux and macOS" in line] == USERS


def test_a_command_is_refused_with_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["shortlist", "check", "movies.py"])
    monkeypatch.delitem(sys.modules, PLACES[0], raising=False)
    with pytest.raises(SystemExit, match="1"):
        main()
    output = capsys.readouterr().err
    assert output.startswith("error: Shortlist runs on Linux and macOS")
    assert len(output.splitlines()) == 1
