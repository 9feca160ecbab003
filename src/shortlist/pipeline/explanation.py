"""Why this, and why not that: everything the request path knows about one item for one query."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Explanation:
    """One item's way through the path, in the order of the stages."""

    item: str
    title: str
    position: int | None  # in the slate, from 1; None: not in it
    sentence: str  # the whole story in words
    retrieved_by: dict[str, int] = field(default_factory=dict)  # source -> its rank of the item, from 1
    scores: dict[str, float | None] = field(default_factory=dict)  # source -> its score of the item
    filtered_by: list[str] = field(default_factory=list)  # reasons of the filters that drop it
    probabilities: dict[str, float | None] = field(default_factory=dict)  # objective -> probability
    value: float | None = None
    position_by_value: int | None = None  # before the order moved it, from 1
    features: dict[str, float | None] = field(default_factory=dict)
    contributions: dict[str, dict[str, float]] = field(
        default_factory=dict
    )  # objective -> feature -> log-odds
