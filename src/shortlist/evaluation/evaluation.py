"""The result of an evaluation: what training and benchmarks fill in, and what reports show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from shortlist.base.errors import ReleaseError
from shortlist.base.queries import Ragged, Retrieved
from shortlist.base.types import Mask
from shortlist.evaluation.bootstrap import Interval, interval
from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.names import HEADLINE, goodness
from shortlist.evaluation.ranking import measure
from shortlist.evaluation.select import Choice

FORMAT = 2  # of the JSON; raised when it changes


Task = Literal["recommendation", "search", "prediction"]


@dataclass(frozen=True)
class Sizes:
    """The amounts of data behind an evaluation."""

    users: int
    items: int
    events: int
    test_queries: int  # queries, or rows of a prediction, that are evaluated on


@dataclass(frozen=True)
class RecallCeiling:
    """The share of the positives that a source, or all together, retrieve: no ranker can exceed it."""

    name: str
    sizes: tuple[float, ...]  # candidates per user, rising
    recall: tuple[Interval, ...]  # at each size

    @classmethod
    def of(
        cls, name: str, retrieved: Retrieved, truth: Ragged, sizes: Sequence[int] = (), *, seed: int = 0
    ) -> RecallCeiling:
        """The recall of ``retrieved`` at each of ``sizes``, and of all of it at its mean length.

        A set without an order (candidates merged from several sources) has no ``sizes``.
        """
        rows = len(truth.offsets) - 1
        lengths = np.bincount(retrieved.rows, minlength=rows)
        mean, whole = float(lengths.mean()), max(int(lengths.max(initial=0)), 1)
        depths = [size for size in sorted(sizes) if size < mean]
        values = measure(retrieved, truth, [f"recall@{depth}" for depth in [*depths, whole]])
        return cls(name, (*depths, mean), tuple(interval(each, seed) for each in values.values()))


@dataclass(frozen=True)
class Slice:
    """A subset of users or items, and the quality of each model on it."""

    name: str
    meaning: str  # the definition of the subset, in words
    users: int  # users (rows, in a prediction) that count
    metrics: dict[str, Interval]  # the headline metric, by model; empty where there are no users

    @classmethod
    def of(
        cls,
        name: str,
        meaning: str,
        models: Sequence[EvaluatedModel],
        rows: Mask,
        *,
        metric: str = HEADLINE,
        seed: int = 0,
    ) -> Slice:
        """The users of the mask ``rows`` (bool[rows of the truth])."""
        values = {each.name: each.values[metric][rows] for each in models}
        users = max((int((~np.isnan(each)).sum()) for each in values.values()), default=0)
        metrics = {model: interval(each, seed) for model, each in values.items()} if users else {}
        return cls(name, meaning, users, metrics)


@dataclass(frozen=True)
class Evaluation:
    """Everything measured about one system at one time."""

    system: str
    split: str  # what was held out and how, in a sentence
    sizes: Sizes
    models: tuple[EvaluatedModel, ...]
    summary: str  # the result in one sentence
    task: Task = "recommendation"
    metric: str = HEADLINE  # the headline, by which models are compared and chosen
    choice: Choice | None = None
    recall_ceilings: tuple[RecallCeiling, ...] = ()
    slices: tuple[Slice, ...] = ()
    measured: str = ""  # when and on what machine, in words
    format: int = FORMAT

    @property
    def chosen(self) -> str | None:
        """The name of the chosen model."""
        return self.choice.name if self.choice else None

    @property
    def leader(self) -> EvaluatedModel:
        """The chosen model, or the best where none was chosen."""
        if self.choice:
            return next(each for each in self.models if each.name == self.choice.name)
        return max(self.models, key=self._goodness)

    @property
    def compared(self) -> list[EvaluatedModel]:
        """The leader and the best of each other kind: enough for a comparison at a glance."""
        others = [each for each in sorted(self.models, key=self._goodness) if each.kind != self.leader.kind]
        best = {each.kind: each for each in others}
        return [self.leader, *self.ranked(best.values())]

    def ranked(self, models: Iterable[EvaluatedModel] | None = None) -> list[EvaluatedModel]:
        """``models`` (None: all), best first."""
        return sorted(self.models if models is None else models, key=self._goodness, reverse=True)

    def _goodness(self, model: EvaluatedModel) -> float:
        return goodness(self.metric, model.metrics[self.metric].mean)


def to_json(evaluation: Evaluation) -> bytes:
    """The evaluation as indented JSON, without the models' values per row."""
    bare = replace(evaluation, models=tuple(replace(each, values={}) for each in evaluation.models))
    return msgspec.json.format(msgspec.json.encode(bare), indent=2) + b"\n"


def from_json(content: bytes) -> Evaluation:
    """Read what `to_json` wrote. Raises ReleaseError where it is damaged or has another format."""
    try:
        stamp = msgspec.json.decode(content, type=_Stamp)
        if stamp.format != FORMAT:
            advice = "upgrade Shortlist" if stamp.format > FORMAT else "evaluate again"
            raise ReleaseError(
                f"the evaluation has format {stamp.format}, and this Shortlist reads {FORMAT}: {advice}"
            )
        return msgspec.json.decode(content, type=Evaluation, dec_hook=_array)
    except msgspec.MsgspecError as error:
        raise ReleaseError(f"the evaluation cannot be read ({error}): evaluate again") from error


class _Stamp(msgspec.Struct):
    format: int


def _array(kind: type, value: object) -> object:
    raise msgspec.ValidationError(f"an evaluation holds no {kind} ({value!r})")
