"""A few people, what they chose before and what they would be shown: figures made tangible."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """One place of a slate."""

    title: str
    reason: str = ""
    chosen: bool = False  # whether the person went on to choose it


@dataclass(frozen=True)
class Person:
    """Someone's history by title, newest first, and their slate, best first."""

    name: str
    history: tuple[str, ...]
    slate: tuple[Shown, ...]
