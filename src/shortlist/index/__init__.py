"""The index of every source that has vectors: exact while small, inverted lists above, changed while it serves."""

from shortlist.index.vector_index import VectorIndex

SegmentedIndex = VectorIndex

__all__ = ["SegmentedIndex", "VectorIndex"]
