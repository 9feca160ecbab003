"""Systems without sources: rows to predict, each an item for a user at a moment, or an item alone.

With users, each event that an objective is made from is a row, and a label is whether the objective holds for it:
an impression log with clicks as values, for example. Features are read as of just before the event. Without users, each
item of the catalogue is a row, and labels are made from attributes that no feature reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from shortlist.base.columns import SECOND
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries, Ragged
from shortlist.base.threads import one_thread
from shortlist.base.types import Floats, Mask, Moments, Positions, Rows
from shortlist.data.dataset import labels
from shortlist.pipeline.pipeline import Pipeline
from shortlist.system.contracts import Examples, TrainingData
from shortlist.system.event import Label, Objective
from shortlist.system.system import System
from shortlist.training.examples import MAX_EXAMPLES, concatenated, with_validation
from shortlist.training.run import TrainingRun

HELD_OUT = 0.2  # of the rows
ROW_BLOCK = 4096  # rows that are predicted together; bounds memory
MAX_SEQUENCE = 50  # newest events of a row's history that examples keep for rankers that read sequences


@dataclass(frozen=True)
class PredictionRows:
    """Pairs of a query and an item, with labels."""

    queries: Callable[[Rows], Queries]  # of the given rows
    items: Positions  # int32[rows]
    labels: Floats  # float32[rows, objectives] of 0 and 1
    at: Moments  # int64[rows]
    users: Rows | None = None  # int64[rows], the row of each user's history; None: items alone
    earlier: Rows | None = None  # int64[rows], how many events of the user came before

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Rows) -> PredictionRows:
        """The given rows."""
        return PredictionRows(
            lambda some: self.queries(rows[some]),
            self.items[rows],
            self.labels[rows],
            self.at[rows],
            None if self.users is None else self.users[rows],
            None if self.earlier is None else self.earlier[rows],
        )


@dataclass(frozen=True)
class PredictionTask:
    """Rows to fit on and rows to evaluate on."""

    data: TrainingData  # what features are fitted on: of the log, the older part
    train: PredictionRows
    test: PredictionRows
    log: Histories  # what features of past moments are read from
    description: str  # the split in a sentence


def prediction_rows(system: System, data: TrainingData) -> PredictionRows:
    """Every row of ``data`` that can be fitted on. Raises DataError where there is none."""
    if any(isinstance(objective, Label) for objective in system.objectives):
        return _rows_of_items(system, data)
    histories = data.histories
    codes = {id(event): code for code, event in enumerate(system.events)}
    read = [codes[id(each.event)] for each in system.objectives if isinstance(each, Objective)]
    events = np.flatnonzero(np.isin(histories.event, read))
    if not len(events):
        raise DataError("the log has no event that an objective is made from: there is nothing to fit on")
    users, at = histories.rows[events], histories.at[events]

    def queries(rows: Rows) -> Queries:
        context = None if histories.context is None else histories.context[events[rows]]
        return Queries(histories.take(users[rows]).before(at[rows]), at[rows], context)

    fulfilled = labels(system, histories)[events].astype(np.float32)
    earlier = events - histories.offsets[users]
    return PredictionRows(queries, histories.items[events], fulfilled, at, users, earlier)


def _rows_of_items(system: System, data: TrainingData) -> PredictionRows:
    """Every item whose labels are all known: none of the attributes that decide them is missing."""
    objectives = [each for each in system.objectives if isinstance(each, Label)]
    columns = [data.items.table.select(holds=each.when)["holds"] for each in objectives]
    labelled: Mask = np.logical_and.reduce([column.is_not_null().to_numpy() for column in columns])
    items = np.flatnonzero(labelled).astype(np.int32)
    if not len(items):
        raise DataError(
            "no item has all the attributes that the labels are made from: there is nothing to fit on"
        )
    fulfilled = np.stack([column.cast(pl.Float32).to_numpy()[labelled] for column in columns], axis=1)
    now = data.histories.end

    def queries(rows: Rows) -> Queries:
        return Queries(Histories.empty(len(rows)), np.full(len(rows), now))

    return PredictionRows(queries, items, fulfilled, np.full(len(items), now))


def prediction_task(system: System, data: TrainingData) -> PredictionTask:
    """The newer part of the rows against the older; of items, which have no moment, a part drawn by the seed.

    Raises DataError where either part is empty.
    """
    rows = prediction_rows(system, data)
    if rows.users is None:
        order = np.random.default_rng(system.seed).permutation(len(rows))
        held_out = round(len(rows) * HELD_OUT)
        older = rows.take(np.sort(order[held_out:]))
        newer = rows.take(np.sort(order[:held_out]))
        how = f"{len(newer):,} of {len(rows):,} labelled items were drawn at random and held out"
    else:
        moment = int(np.quantile(rows.at, 1 - HELD_OUT, method="higher"))
        moments = np.full(len(data.histories), moment, np.int64)
        newer = rows.take(np.flatnonzero(rows.at >= moment))
        data, log = data.with_histories(data.histories.before(moments)), data.histories
        older = prediction_rows(system, data)
        when = datetime.fromtimestamp(moment / SECOND, UTC)
        how = (
            f"fitted on {len(older):,} events before {when:%Y-%m-%d %H:%M} UTC; "
            f"the {len(newer):,} from then on were predicted, each as of just before it happened"
        )
        return _checked(PredictionTask(data, older, newer, log, how))
    return _checked(PredictionTask(data, older, newer, data.histories, how))


def _checked(task: PredictionTask) -> PredictionTask:
    if not (len(task.train) and len(task.test)):
        raise DataError(
            f"{len(task.train)} rows to fit on and {len(task.test)} to evaluate on: there are too few"
        )
    return task


def prediction_examples(
    system: System, pipeline: Pipeline, data: TrainingData, rows: PredictionRows, run: TrainingRun
) -> Examples:
    """The rows as examples, with features as of their moments; sampled by the seed above `MAX_EXAMPLES`."""
    past = pipeline.as_of(data.histories)
    chosen = np.random.default_rng(system.seed).permutation(len(rows))[:MAX_EXAMPLES]
    with run.progress.step("building examples for the rankers", len(chosen), "rows") as step, one_thread():

        def build(some: Rows) -> Examples:
            parts, past_queries = [], []
            for first in range(0, len(some), ROW_BLOCK):
                block = some[first : first + ROW_BLOCK]
                queries = rows.queries(block)
                parts.append(past.features(queries, _pairs(rows.items[block])))
                past_queries.append(replace(queries, histories=queries.histories.last(MAX_SEQUENCE)))
                step.advance(len(block))
            names = tuple(objective.name for objective in system.objectives)
            return Examples(
                concatenated(parts, Queries.stacked(past_queries), ROW_BLOCK), rows.labels[some], names
            )

        return with_validation(chosen, build)


def _pairs(items: Positions) -> Candidates:
    """One candidate per query, from no source."""
    none = np.zeros((len(items), 0), bool)
    return Candidates(np.arange(len(items)), items, none.astype(np.float32), none)


def predicted(pipeline: Pipeline, rows: PredictionRows) -> Floats:
    """The probabilities of ``pipeline`` for all ``rows``, float32[rows, objectives]."""
    parts = []
    with one_thread():
        for first in range(0, len(rows), ROW_BLOCK):
            block = np.arange(first, min(first + ROW_BLOCK, len(rows)))
            pairs = Ragged(np.arange(len(block) + 1), rows.items[block])
            parts.append(pipeline.predict(rows.queries(block), pairs).probabilities)
    return np.concatenate(parts)
