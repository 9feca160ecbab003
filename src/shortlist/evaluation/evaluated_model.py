"""Whatever is compared: a source alone, a baseline, or the pipeline with one of the rankers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from shortlist.base.queries import Ragged, Retrieved
from shortlist.evaluation.bootstrap import Interval, interval
from shortlist.evaluation.names import STANDARD
from shortlist.evaluation.ranking import Values, measure
from shortlist.evaluation.scoring import Scoring


@dataclass(frozen=True)
class Latency:
    """Milliseconds that half of the requests stay under, and 99 in 100."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class EvaluatedModel:
    """One model and all that is known about it."""

    name: str
    kind: Literal["baseline", "source", "pipeline"]
    metrics: dict[str, Interval]  # "ndcg@10" and so on, over users
    variety: dict[str, float] = field(default_factory=dict)  # "coverage@10" and so on
    scoring: dict[str, Scoring] = field(default_factory=dict)  # of a ranker, by objective
    latency: Latency | None = None
    size_bytes: int | None = None  # on disk
    training_seconds: float | None = None
    complexity: int = 9  # from simple to opaque, as rankers declare it
    interpretability: str = "opaque"
    values: dict[str, Values] = field(
        default_factory=dict, repr=False, compare=False
    )  # per row; never written

    @classmethod
    def of(
        cls,
        name: str,
        kind: Literal["baseline", "source", "pipeline"],
        found: Retrieved,
        truth: Ragged,
        metrics: Sequence[str] = STANDARD,
        *,
        seed: int = 0,
    ) -> EvaluatedModel:
        """Judge the lists ``found`` by ``truth``; further facts are added with ``dataclasses.replace``.

        Raises DataError where no row of ``truth`` has anything to be found.
        """
        values = measure(found, truth, metrics)
        return cls(
            name, kind, {metric: interval(each, seed) for metric, each in values.items()}, values=values
        )
