"""The index of every source that has vectors: exact while small, inverted lists above, changed while it serves."""

from shortlist.retrieval.index.index import VectorIndex

__all__ = ["VectorIndex"]
