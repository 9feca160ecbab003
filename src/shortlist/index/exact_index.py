"""An index that scans every vector, however many there are."""

from __future__ import annotations

from typing import ClassVar

from shortlist.index.segmented_index import SegmentedIndex


class ExactIndex(SegmentedIndex):
    """A `SegmentedIndex` without inverted lists: recall 1, nothing to train, time linear in the vectors."""

    exact_only: ClassVar[bool] = True
