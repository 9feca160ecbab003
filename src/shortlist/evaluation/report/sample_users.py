"""A few users, what they chose before and what they would be shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SampleItem:
    """One place of a slate."""

    title: str
    reason: str = ""
    chosen: bool = False  # whether the user went on to choose it


@dataclass(frozen=True)
class SampleUser:
    """A user's history by title, newest first, and their slate, best first."""

    name: str
    history: tuple[str, ...]
    slate: tuple[SampleItem, ...]
