"""Scalar quantisation to 8 bits, and faiss, which searches the codes."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from shortlist.base.errors import MissingExtraError
from shortlist.base.optional import require
from shortlist.base.types import Floats


def faiss() -> ModuleType:
    """faiss, imported. Raises MissingExtraError with what to install."""
    return require("faiss", extra="vision", why="searching inverted lists of vectors")


def has_faiss() -> bool:
    """Whether inverted lists can be built and searched."""
    try:
        faiss()
    except MissingExtraError:
        return False
    return True


def encode_sq8(vectors: Floats, largest: float) -> Floats:
    """Integers from -127 to 127, as the floats that faiss takes; ``largest`` is the largest absolute value."""
    rounded: Floats = np.rint(vectors * np.float32(127 / largest if largest else 0.0))
    return rounded
