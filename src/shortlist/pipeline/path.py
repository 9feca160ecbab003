"""The request path, on one screen.

::

    queries ─▶ allow ─▶ encode ─▶ retrieve ─▶ merge ─▶ fill ─▶ hydrate ─▶ rank ─▶ arrange ─▶ reasons ─▶ slates

Each stage is a function of the pipeline and of the state of one block of queries; the ways through the path are
lists of stages. Everything is columnar and works on batches: a request is a batch of one, evaluation a batch of
thousands, and both go through this file. What stages need besides lies beside it: ``state`` (what they have made
so far), ``degradation`` (what happens when a part cannot answer), ``merge`` and ``reasons``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from shortlist.base.queries import Allowed, Candidates, Ragged
from shortlist.pipeline.degradation import optional_source
from shortlist.pipeline.merge import fill_in, merged
from shortlist.pipeline.parts import PipelineParts
from shortlist.pipeline.reasons import because, descriptions
from shortlist.pipeline.state import PathState

StageFunction = Callable[[PipelineParts, PathState], None]


def allow(pipeline: PipelineParts, state: PathState) -> None:
    """What may be returned: one mask for all rows, and what single rows must not get."""
    hidden = [state.excluded, *(each.hidden(state.queries) for each in pipeline.filters)]
    sets = [each for each in hidden if each is not None]
    state.allowed = Allowed(state.eligibility.mask(pipeline), Ragged.joined(sets, len(state.queries)))


def encode(pipeline: PipelineParts, state: PathState) -> None:
    """Each source's representation of the queries."""
    for index, source in enumerate(pipeline.sources):
        with optional_source(state, index, source):
            state.encoded[index] = source.encode(state.queries)


def retrieve(pipeline: PipelineParts, state: PathState) -> None:
    """Each source's quota of allowed candidates."""
    for index, encoded in list(state.encoded.items()):
        source = pipeline.sources[index]
        with optional_source(state, index, source):
            state.retrieved[index] = source.search(encoded, state.n, state.allowed)


def merge(pipeline: PipelineParts, state: PathState) -> None:
    """Every candidate once, with its provenance; filters have the last word, whatever a source returned."""
    state.candidates, state.values = merged(state.retrieved, len(pipeline.sources), len(pipeline.items))
    state.keep(np.flatnonzero(state.allowed.keep(state.candidates.rows, state.candidates.items)))


def fill(pipeline: PipelineParts, state: PathState) -> None:
    """Rows with fewer than n candidates get allowed items by popularity."""
    state.candidates, state.values = fill_in(
        state.candidates, state.values, state.n, pipeline.popular, state.allowed
    )


def take_given(pipeline: PipelineParts, state: PathState) -> None:
    """The caller's candidates instead of retrieved ones, each once, without those that are not allowed."""
    assert state.given is not None
    count = len(pipeline.items)
    keys = np.unique(state.given.rows * count + state.given.items)
    state.candidates = Candidates.given(keys // count, (keys % count).astype(np.int32), len(pipeline.sources))
    state.values = np.zeros(len(keys), np.float32)
    state.keep(np.flatnonzero(state.allowed.keep(state.candidates.rows, state.candidates.items)))


def take_pairs(pipeline: PipelineParts, state: PathState) -> None:
    """The caller's (row, item) pairs as they are: all of them, in their order."""
    assert state.given is not None
    state.candidates = Candidates.given(state.given.rows, state.given.items, len(pipeline.sources))
    state.values = np.zeros(len(state.candidates), np.float32)


def hydrate(pipeline: PipelineParts, state: PathState) -> None:
    """Every source's score of every candidate, then all features."""
    rows, items = state.candidates.rows, state.candidates.items
    scores = np.full((len(rows), len(pipeline.sources)), np.nan, np.float32)
    for index, encoded in list(state.encoded.items()):
        source = pipeline.sources[index]
        with optional_source(state, index, source):
            scores[:, index] = source.score(encoded, rows, items)
    state.candidates = replace(state.candidates, scores=scores)
    if pipeline.ranker is not None:
        state.inputs = pipeline.features(state.queries, state.candidates, state.degraded)


def predict(pipeline: PipelineParts, state: PathState) -> None:
    """A probability for each objective, and the value model's one value from those and their weights."""
    state.probabilities = np.zeros((len(state.candidates), 0), np.float32)
    if pipeline.ranker is not None and state.inputs is not None:
        state.probabilities = pipeline.ranker.predict(state.inputs)
        state.values = state.probabilities @ pipeline.weights
    elif state.given is not None:
        state.values = np.nan_to_num(state.candidates.scores).sum(axis=1)


def rank(pipeline: PipelineParts, state: PathState) -> None:
    """Predict, then the best value of each row first; ties go to the lower position."""
    predict(pipeline, state)
    state.keep(np.lexsort((state.candidates.items, -state.values, state.candidates.rows)))


def arrange(pipeline: PipelineParts, state: PathState) -> None:
    """Diversity and the like, then the first n of each row."""
    for order in pipeline.order:
        state.keep(order.arrange(state.candidates.rows, state.candidates.items, state.values, state.n))
    rows = state.candidates.rows
    state.keep(np.flatnonzero(np.arange(len(rows)) - np.searchsorted(rows, rows) < state.n))


def reasons(pipeline: PipelineParts, state: PathState) -> None:
    """Why each entry is in the slate, as far as the sources that retrieved it can say."""
    state.because, state.reasons = because(pipeline.sources, state), descriptions(pipeline.sources, state)


RETRIEVE: tuple[StageFunction, ...] = (allow, encode, retrieve, merge)
RECOMMEND: tuple[StageFunction, ...] = (*RETRIEVE, fill, hydrate, rank, arrange, reasons)
SEARCH: tuple[StageFunction, ...] = (*RETRIEVE, hydrate, rank, arrange, reasons)  # no more than was retrieved
RANK: tuple[StageFunction, ...] = (allow, encode, take_given, hydrate, rank, reasons)
PREDICT: tuple[StageFunction, ...] = (encode, take_pairs, hydrate, predict)
