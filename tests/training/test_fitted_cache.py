"""Nothing is fitted twice: what the key of a fitted component is made of, and how often components are fitted."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shortlist import ALS, EASE, Entity, Event, LogisticRegression, Objective, Popular, System
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.progress import Progress
from shortlist.system.contracts import TrainingOptions
from shortlist.testing.toy import toy_data, toy_histories, toy_items
from shortlist.training.evaluate import evaluate
from shortlist.training.fingerprint import fingerprint
from shortlist.training.fit import fit_data
from shortlist.training.fitted_cache import FittedCache, key_of
from shortlist.training.run import TrainingRun

FITS: Counter[str] = Counter()
views = Event("view", value="v")


@dataclass(frozen=True, kw_only=True)
class CountedEASE(EASE):
    def fit(self, data, options):
        FITS[f"{self.name} on {len(data.histories.items)}"] += 1
        return super().fit(data, options)


@dataclass(frozen=True, kw_only=True)
class CountedRegression(LogisticRegression):
    def fit(self, examples, options):
        FITS[f"{self.name} on {examples.labels.sum():.0f} positives"] += 1
        return super().fit(examples, options)


system = System(
    name="toy",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[CountedEASE(quota=20), Popular()],
    rankers=[CountedRegression()],
)


class Names(Progress):
    """Collects the names of steps."""

    def __init__(self):
        self.names = []

    def step(self, name, total=None, unit=""):
        self.names.append(name)
        return super().step(name, total, unit)


def trained(run):
    """An evaluation and the release after it, as the verbs do them."""
    evaluate(system, toy_items(), toy_histories(), run=run)
    return fit_data(system, replace(toy_data(), objectives=system.objectives), run, "the release")


def test_each_component_is_fitted_once_on_each_set_of_data():
    FITS.clear()
    progress = Names()
    trained(TrainingRun(TrainingOptions(progress=progress), fits=3))
    assert set(FITS.values()) == {1}
    assert len([name for name in FITS if name.startswith("counted_ease")]) == 3  # 64%, 80%, all
    assert len([name for name in FITS if name.startswith("counted_regression")]) == 2
    assert progress.names.count("building examples for the rankers") == 2
    of_ease = [name for name in progress.names if name.startswith("fitting counted_ease")]
    assert [name.removeprefix("fitting counted_ease ") for name in of_ease] == [
        "on the older 54% of the log (1 of 3: examples for the rankers)",
        "on the older 74% of the log (2 of 3: evaluation)",
        "on the whole log (3 of 3: the release)",
    ]


def test_a_shared_run_gives_what_separate_ones_give():
    shared = trained(TrainingRun())
    alone = fit_data(system, replace(toy_data(), objectives=system.objectives), TrainingRun(), "the release")
    (one,), (other,) = shared.rankers.values(), alone.rankers.values()
    assert np.array_equal(one.ranker.weights, other.ranker.weights)


def test_what_changes_a_fit_changes_its_key():
    data = toy_data()
    keys = {
        key_of(ALS(), data, 0),
        key_of(ALS(embedding_size=8), data, 0),
        key_of(EASE(), data, 0),
        key_of(ALS(), data, 1),
        key_of(ALS(), data.with_histories(toy_histories(seed=1)), 0),
        key_of(ALS(), data.with_histories(data.histories, validation=toy_histories(seed=1)), 0),
        key_of(ALS(), replace(data, items=Items(toy_items().table.with_columns(price=pl.lit(1.0)))), 0),
        key_of(ALS(), replace(data, objectives=[Objective("liked", views, pl.col("value") > 3)]), 0),
        key_of(ALS(), replace(data, objectives=[Objective("liked", views, pl.col("value") > 4)]), 0),
    }
    assert len(keys) == 9
    assert key_of(ALS(), toy_data(), 0) == key_of(ALS(), data, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([["a", "b"], []], [["a"], ["b"]]),
        ([None, ["a"]], [[], ["a"]]),
        ([["a"], None], [None, ["a"]]),
    ],
)
def test_lists_of_words_differ_by_where_they_are_divided(one, other):
    frames = [pl.DataFrame({"tags": pl.Series(each, dtype=pl.List(pl.String))}) for each in (one, other)]
    assert fingerprint(frames[0]) != fingerprint(frames[1])
    assert fingerprint(frames[0]) == fingerprint(frames[0].clone())


def test_parts_do_not_run_into_each_other():
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(["a"], "b") != fingerprint("a", ["b"])
    assert fingerprint(np.zeros(2, np.float32)) != fingerprint(np.zeros(1, np.float64))
    assert fingerprint(Path("a")) == fingerprint(Path("a"))


def test_what_has_no_fingerprint_is_fitted_each_time():
    assert key_of(object()) is None
    cache, calls = FittedCache(), []
    for _ in range(2):
        cache.source(EASE(), None, 0, lambda: calls.append(1))
    assert len(calls) == 2


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr("shortlist.training.fitted_cache.MAX_SOURCES", 2)
    cache, calls = FittedCache(), []
    for key in ("a", "b", "a", "c", "a", "b"):  # b is the least recently used when c comes
        cache.source(EASE(), key, 0, lambda key=key: calls.append(key))
    assert calls == ["a", "b", "c", "b"]


def test_no_events_have_a_key_too():
    assert key_of(toy_data(Histories.empty(0))) is not None
