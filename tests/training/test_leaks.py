"""The leak proof: a hint that gives the answer away is planted, and training cannot see it."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist import EASE, Count, Entity, Event, Last, Objective, Popular, Since, System
from shortlist.base.columns import DAY, HOUR
from shortlist.base.histories import Histories
from shortlist.data.splits import by_moment, by_share
from shortlist.testing.toy import toy_data, toy_histories
from shortlist.training.examples import build_examples
from shortlist.training.fit import fit_sources
from shortlist.training.train_test_task import of_users

MOMENT = 45 * DAY
views, hints = Event("view", value="v"), Event("hint")
LEAKY = [
    Count(hints, by=("user", "title")),  # exactly the answer: titles are unique
    Count(hints, by="user"),
    Count(hints, by="item"),
    Since(hints, by="item"),
    Last(hints, by="user"),
]
system = System(
    name="toy",
    user=Entity("user"),
    item=Entity("item"),
    events=[views, hints],
    objectives=[Objective("viewed", views)],
    sources=[EASE(regularization=20, quota=20), Popular(quota=20)],
    features=LEAKY,
)


def with_hints(before: int, late: int) -> Histories:
    """The toy world, and for each view from MOMENT on a hint of it: so long before MOMENT, known so much later."""
    log = toy_histories()
    hinted = np.flatnonzero(log.at >= MOMENT)
    rows = np.concatenate([log.rows, log.rows[hinted]])
    at = np.concatenate([log.at, np.full(len(hinted), MOMENT - before)])
    order = np.lexsort((at, rows))
    return Histories(
        offsets=np.searchsorted(rows[order], np.arange(len(log) + 1)),
        items=np.concatenate([log.items, log.items[hinted]])[order],
        at=at[order],
        event=np.concatenate([log.event, np.ones(len(hinted), np.int16)])[order],
        value=np.concatenate([log.value, np.ones(len(hinted), np.float32)])[order],
        available_at=np.concatenate([log.at, np.full(len(hinted), MOMENT - before + late)])[order],
    )


def examples(log: Histories, split):
    """Features by name, and labels, as ``fit`` builds them."""
    early = fit_sources(system, toy_data(split.train))
    examples = build_examples(system, early.as_of(log), of_users(system, toy_data(log), split))
    columns = dict(zip(examples.inputs.names, examples.inputs.numeric.T, strict=True))
    return columns, examples.labels[:, 0]


@pytest.mark.parametrize(
    ("before", "late"),
    [(0, 0), (-HOUR, 0), (HOUR, 2 * HOUR), (DAY, DAY + 1)],
    ids=["at the same moment", "later", "before, but known only later", "known a microsecond later"],
)
def test_training_cannot_see_a_hint(before, late):
    log = with_hints(before, late)
    features, targets = examples(log, by_moment(log, MOMENT))
    assert 0 < targets.mean() < 1
    for each in LEAKY[:3]:
        assert (features[each.name] == 0).all(), each.name
    for each in LEAKY[3:]:
        assert np.isnan(features[each.name]).all(), each.name


@pytest.mark.parametrize(("before", "late"), [(HOUR, 0), (HOUR, HOUR), (1, 1)])
def test_what_happened_and_was_known_before_is_seen(before, late):
    """The same hint, in time: it does give the answer away, so the proof above could have failed."""
    log = with_hints(before, late)
    features, targets = examples(log, by_moment(log, MOMENT))
    assert np.array_equal(features[LEAKY[0].name] > 0, targets > 0)
    assert (features["item_hint_count"] > 0).any()


def test_where_each_is_asked_at_a_moment_of_their_own():
    """Everything that happens at the moment of a query, or is known only after it, may change: no feature does."""
    log = with_hints(HOUR, 0)
    split = by_share(log)
    query_at = np.repeat(split.at, log.lengths)
    hidden = (log.at < query_at) & (np.arange(len(log.at)) % 3 == 0)
    late = replace(log, available_at=np.where(hidden, query_at + 1, log.at))
    gone = log.where(~hidden)
    rows = np.arange(len(log))
    held = by_share(late)
    kept = late.before(split.at)
    assert np.array_equal(held.at, split.at)
    assert np.array_equal(held.train.items, kept.items)
    assert np.array_equal(kept.items, gone.before(split.at).items)
    assert np.array_equal(held.queries(rows).histories.at, kept.at)
