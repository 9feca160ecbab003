"""Why this, and why not that: everything the request path knows about one item for one query."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Explanation:
    """One item's way through the path, in the order of the stages."""

    item: str
    title: str
    place: int | None  # in the slate, from 1; None: not in it
    sentence: str  # the whole story in words
    found: dict[str, int] = field(default_factory=dict)  # source -> its rank of the item, from 1
    scores: dict[str, float] = field(default_factory=dict)  # source -> its score of the item
    dropped: list[str] = field(default_factory=list)  # reasons of the filters that drop it
    probabilities: dict[str, float] = field(default_factory=dict)  # objective -> probability
    value: float | None = None
    ranked: int | None = None  # place by value alone, before order moved it, from 1
    features: dict[str, float | None] = field(default_factory=dict)
    contributions: dict[str, dict[str, float]] = field(
        default_factory=dict
    )  # objective -> feature -> log-odds
