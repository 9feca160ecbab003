"""What a benchmark needs of Shortlist, apart for each layout of its packages.

``current`` fits the tree that this file belongs to, ``bdf99c6`` the trees up to that commit, in which REST and
the use cases were one package, ``shortlist.serving``. A layout has one module per benchmark with a class
``Adapter``; its methods take and return JSON. They run in a worker process (``benchmarks.worker``) on whose path
one tree lies, so the layout is chosen by what can be imported there.

When names move: change ``current`` alone, and where trees of before are still compared with, copy what it was
to a folder named for the last commit that it fits, and add a module that only those trees have to LAYOUTS.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

LAYOUTS = {"shortlist.serving": "bdf99c6"}  # a module that only trees of the layout have -> its folder


def adapter(benchmark: str) -> Any:
    """The adapter of ``benchmark`` for the Shortlist that is on the path."""
    layout = next((name for module, name in LAYOUTS.items() if find_spec(module)), "current")
    return import_module(f"{__name__}.{layout}.{benchmark}").Adapter()
