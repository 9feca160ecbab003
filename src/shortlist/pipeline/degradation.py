"""What the path does without, by name, when a part cannot answer; every other error stays loud."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shortlist.base.errors import UnavailableError
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.pipeline.state import PathState


@contextmanager
def optional_source(state: PathState, index: int, source: SourceSlot) -> Iterator[None]:
    """Go on without the source where it raises UnavailableError, and record that."""
    try:
        yield
    except UnavailableError as error:
        state.encoded.pop(index, None)
        state.degraded.append(f"source {source.name}: {error}")
