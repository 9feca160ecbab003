"""Why an entry is in the slate: the history item behind it, and how its sources describe it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.base.types import Positions
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.pipeline.state import PathState


def because(sources: Sequence[SourceSlot], state: PathState) -> Positions:
    """The history item that contributes most to each candidate, int32[candidates]; -1: none.

    The sources that retrieved a candidate are tried in their order, until one names an item.
    """
    rows, items = state.candidates.rows, state.candidates.items
    anchors = np.full(len(rows), -1, np.int32)
    for index, encoded in state.encoded.items():
        source = sources[index].explains_with_history
        if source is not None:
            unexplained = np.flatnonzero((anchors < 0) & state.candidates.retrieved_by[:, index])
            if len(unexplained):
                anchors[unexplained] = source.because(encoded, rows[unexplained], items[unexplained])
    return anchors


def descriptions(sources: Sequence[SourceSlot], state: PathState) -> tuple[str, ...]:
    """How its sources describe each candidate, one phrase for each; () where no source describes candidates."""
    rows, items, by = state.candidates.rows, state.candidates.items, state.candidates.retrieved_by
    if all(sources[index].describes_candidates is None for index in state.encoded):
        return ()
    phrases: list[list[str]] = [[] for _ in rows]
    for index, encoded in state.encoded.items():
        source = sources[index].describes_candidates
        if source is not None:
            mine = np.flatnonzero(by[:, index])
            texts = source.describe(encoded, rows[mine], items[mine])
            for entry, text in zip(mine.tolist(), texts, strict=True):
                phrases[entry] += [text] if text else []
    return tuple("; ".join(each) for each in phrases)
