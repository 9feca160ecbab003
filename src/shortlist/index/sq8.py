"""Codes of 8 bits, and the library that searches them."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from shortlist.base.errors import MissingExtraError
from shortlist.base.optional import require
from shortlist.base.types import Floats


def faiss() -> ModuleType:
    """The library of inverted lists. Raises MissingExtraError with what to install."""
    return require("faiss", extra="vision", why="searching inverted lists of vectors")


def faiss_is_here() -> bool:
    """Whether inverted lists can be made and searched."""
    try:
        faiss()
    except MissingExtraError:
        return False
    return True


def codes(vectors: Floats, largest: float) -> Floats:
    """Whole numbers of -127 to 127, as the floats that the library takes; ``largest`` is the largest absolute."""
    rounded: Floats = np.rint(vectors * np.float32(127 / largest if largest else 0.0))
    return rounded
