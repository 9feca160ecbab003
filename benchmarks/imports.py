"""What `import shortlist` costs: processor time of fresh processes, and which heavy packages they loaded.

Each round starts a bare interpreter and then every command, so that a busy minute hits all alike. Times are of the
whole process, user and system, with a cache of bytecode that the first, unmeasured round has filled.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import median

from benchmarks.form import Report, run

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "ray", "litestar", "sklearn", "onnxruntime")
IMPORT = "import shortlist"
COMMANDS = {
    "bare Python": "pass",
    IMPORT: IMPORT,
    "shortlist.open": "import shortlist; shortlist.open",
    "examples/movies.py": "import runpy; runpy.run_path('examples/movies.py')",
    "shortlist --help": "import sys; sys.argv = ['shortlist', '--help']; import shortlist.cli.main",
}


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=21)


def processor_seconds(code: str) -> float:
    """User and system time of a fresh interpreter that runs ``code``."""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{code!r} ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def loaded(code: str) -> list[str]:
    """Which heavy packages a fresh interpreter has loaded after ``code``."""
    script = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def measure(report: Report, options: Namespace) -> None:
    rounds = 5 if options.quick else options.rounds
    report.sizes["rounds"] = rounds
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, code in COMMANDS.items():
            seconds = processor_seconds(code)
            if number:
                times[name].append(1000 * seconds)
    for name, code in COMMANDS.items():
        report.row(
            command=name,
            cpu_ms=median(times[name]),
            max_ms=max(times[name]),
            loads=", ".join(loaded(code)),
        )
    report.claim("CPU of `python -c 'import shortlist'`, median", median(times[IMPORT]), "ms", at_most=150)
    more = [all_ - bare for all_, bare in zip(times[IMPORT], times["bare Python"], strict=True)]
    report.claim("of which the import itself", median(more), "ms")
    report.claim(f"packages it loads of {', '.join(HEAVY)}", len(loaded(IMPORT)), "", at_most=0)


if __name__ == "__main__":
    sys.exit(run("imports", measure, options=options, about=__doc__))
