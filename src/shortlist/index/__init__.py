"""Vector indexes: one protocol, exact search while small, inverted lists above, updates while searches run."""

from shortlist.index.exact_index import ExactIndex
from shortlist.index.segmented_index import SegmentedIndex
from shortlist.index.vector_index import VectorIndex

__all__ = ["ExactIndex", "SegmentedIndex", "VectorIndex"]
