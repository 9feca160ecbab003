"""The process of one side of a comparison: calls methods of an adapter and measures each call.

``python -m benchmarks.worker BENCHMARK`` with the tree's ``src`` on PYTHONPATH. One JSON object a line::

    on stdin    {"method": "measure", "arguments": {"users": ["7"]}}
    on stdout   {"value": ..., "seconds": 0.31, "cpu": 0.29, "peak": 73400320}   or   {"error": "traceback"}

The first line on stdout names the Shortlist that was imported: {"shortlist": "/.../src/shortlist"}. What
libraries print goes to stderr. The process ends when stdin does.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from benchmarks.adapters import adapter
from benchmarks.form import measured


def main(benchmark: str) -> None:
    calls, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import shortlist

    methods = adapter(benchmark)
    _write(answers, {"shortlist": str(Path(str(shortlist.__file__)).parent)})
    for line in calls:
        call = json.loads(line)
        try:
            _write(answers, vars(measured(getattr(methods, call["method"]), **call["arguments"])))
        except Exception:
            _write(answers, {"error": traceback.format_exc()})


def _write(answers: Any, answer: dict[str, Any]) -> None:
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
