"""Shortlist: from millions of items to the twenty that matter to this person, now.

Everything that a System file needs is a name of this package. The names are in ``__init__.pyi`` and are imported when
first used, so ``import shortlist`` is quick and loads no model library, web framework or cluster.
"""

from __future__ import annotations

import lazy_loader

_imported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name in __all__:
        return _imported(name)
    from shortlist.base.suggest import did_you_mean

    raise AttributeError(f"shortlist has no {name!r}: {did_you_mean(name, __all__)}")
