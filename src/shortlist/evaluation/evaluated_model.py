"""Whatever is compared: a baseline, a source alone, the pipeline with one of the rankers, or a ranker alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from shortlist.base.queries import Ragged, Retrieved
from shortlist.base.types import AnyArray, Rows
from shortlist.evaluation.bootstrap import Interval, interval
from shortlist.evaluation.names import LOG_LOSS, STANDARD
from shortlist.evaluation.ranking import Values, measure
from shortlist.evaluation.scoring import Scoring, log_losses, per_group

Kind = Literal["baseline", "source", "pipeline"]


@dataclass(frozen=True)
class Latency:
    """Milliseconds that half of the requests stay under, and 99 in 100."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class EvaluatedModel:
    """One model and everything measured about it."""

    name: str
    kind: Kind
    metrics: dict[str, Interval]  # "ndcg@10" and so on, over users; "log_loss" of predictions
    variety: dict[str, float] = field(default_factory=dict)  # "coverage@10" and so on
    scoring: dict[str, Scoring] = field(default_factory=dict)  # of a ranker, by objective
    latency: Latency | None = None
    size_bytes: int | None = None  # on disk
    training_seconds: float | None = None
    complexity: int = 9  # from simple to opaque, as rankers declare it
    interpretability: str = "opaque"
    values: dict[str, Values] = field(
        default_factory=dict, repr=False, compare=False
    )  # per row, for paired comparisons; not saved

    @classmethod
    def of(
        cls,
        name: str,
        kind: Kind,
        lists: Retrieved,
        truth: Ragged,
        metrics: Sequence[str] = STANDARD,
        *,
        seed: int = 0,
    ) -> EvaluatedModel:
        """Measure ``lists`` against ``truth``; further facts are added with ``dataclasses.replace``.

        Raises DataError where no row of ``truth`` has a positive.
        """
        values = measure(lists, truth, metrics)
        intervals = {metric: interval(each, seed) for metric, each in values.items()}
        return cls(name, kind, intervals, values=values)

    @classmethod
    def of_predictions(
        cls,
        name: str,
        kind: Kind,
        probabilities: AnyArray,
        labels: AnyArray,
        groups: Rows | None = None,
        *,
        seed: int = 0,
    ) -> EvaluatedModel:
        """Measure ``probabilities`` against ``labels``, both float[rows, objectives], by the mean log loss.

        ``groups`` (int64[rows], rising) assigns rows to groups, such as those of one user: intervals are
        over groups. None: rows are independent.
        """
        values = {LOG_LOSS: per_group(log_losses(probabilities, labels).mean(axis=1), groups)}
        return cls(name, kind, {LOG_LOSS: interval(values[LOG_LOSS], seed)}, values=values)
