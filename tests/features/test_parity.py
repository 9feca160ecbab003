"""The parity proof: whatever happens, in whatever order, what is served is what training reads.

A stream of actions goes through the real parts: a SQLite store that accepts events (ties, late ones, out of
order, sent twice), a clock that passes and steps back, compactions, releases that are learned, saved and loaded,
and restarts that have nothing but what is on disk. Whenever a request comes, the row that the server computes
*now* must be the one that training computes from the log *as of* that moment: from the log as it is then, and
once more from the log at the end, with all that came later or was not available yet. New items arrive meanwhile: the
features grow in place, and those that were in use before must still be right.

A new kind of feature takes part when an instance stands in FEATURES; the first test fails until it does. What it
reads must be there: a new attribute in ITEMS or USERS, a new column of events in ``happened``, a new word of requests
in ``requests``. A kind that cannot take part stands in ELSEWHERE with the file of its own proof.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.base.columns import DAY, HOUR, ITEM, MINUTE, SECOND
from shortlist.base.contexts import Contexts
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import Users
from shortlist.data.compact import compact, whole_log
from shortlist.data.dataset import Dataset, load_dataset
from shortlist.features.features import Features
from shortlist.features.kinds.attributes import ItemAttribute, Length, UserAttribute
from shortlist.features.kinds.context import Context
from shortlist.features.kinds.counts import Count, Distinct, Sum
from shortlist.features.kinds.feast import FeastView
from shortlist.features.kinds.means import Mean, Rate
from shortlist.features.kinds.profile import Distance, Popularity, Similarity
from shortlist.features.kinds.recency import Decayed, Last, Since
from shortlist.features.kinds.shares import Among, Share
from shortlist.features.parity import TOLERANCE, compare
from shortlist.features.partition import Band
from shortlist.pipeline.release import load, save
from shortlist.retrieval.popular import Popular
from shortlist.service.answering import Answering
from shortlist.service.requests import ItemRequest
from shortlist.service.service import Service
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import ReleaseFacts
from shortlist.storage.store import AcceptedEvent
from shortlist.system.contracts import TrainingData
from shortlist.system.entity import Category, Entity, Number, Time
from shortlist.system.event import Event, Objective
from shortlist.system.features import Automatic, Definition
from shortlist.system.system import System
from shortlist.system.table import Table
from shortlist.training.fit import fit_sources

START = 1_700_000_000 * SECOND // DAY * DAY
ITEMS = Items(
    pl.DataFrame(
        {
            ITEM: ["a", "b", "c", "d", "e"],
            "title": ["A", "B and more", "C", None, "E"],
            "genres": [["x"], ["x", "y"], ["y"], [], None],
            "brand": ["p", "p", "q", None, "q"],
            "price": [1.0, 2.5, None, 4.0, 9.0],
            "released": [START - 9 * DAY, START - DAY, START, None, START + DAY],
            "look": [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], None, [-1.0, 0.0]],
        },
        schema_overrides={"released": pl.Int64, "look": pl.List(pl.Float32)},
    )
)
NEW_ITEMS = {  # words that no release has met before it learns again
    "new-1": {"title": "New", "genres": ["x", "z"], "brand": "r", "price": 3.0, "look": [0.0, -1.0]},
    "new-2": {"genres": ["z"], "released": START + 2 * DAY},
}
USERS_TABLE = Users(
    pl.DataFrame(
        {
            "user": ["u", "v"],
            "age": [31.0, None],
            "country": ["DE", "FR"],
            "joined": [START - 30 * DAY, START + DAY],
        }
    )
)
views = Event("view", value="stars", context={"device": "device"})
orders = Event("order", value="price")
FEATURES: list[Definition] = [
    Automatic(),
    Count(views, by="item", window="1h"),
    Count(views, by=("item", "hour")),
    Count(orders, by=("item", "weekday"), window="7d"),
    Count(views, by=("item", "device"), window="30d"),
    Count(views, by="user", window="1d"),
    Count(orders, by="user", window="3e"),
    Count(views, by=("user", "item")),
    Count(views, by=("user", Band("price", 2))),
    Sum(views, by="item", window="1d"),
    Sum(orders, by="user"),
    Sum(orders, by=("user", "brand")),
    Mean(views, by="item", window="7d"),
    Mean(orders, by="item", smoothing=0),
    Mean(orders, by="user", window="1d"),
    Mean(views, by=("user", "genres"), window="1d"),
    Rate(orders, over_event=views, by="item", window="1d"),
    Rate(orders, over_event=views, by="user"),
    Rate(orders, over_event=views, by=("user", "genres")),
    Share(orders, by=("user", "genres"), window="2e"),
    Share(views, by=("user", "brand"), window="7d"),
    Distinct(views, by="user", window="7d"),
    Distinct(views, by="item", window="1d"),
    Distinct(orders, by="item"),
    Among(views, by=("user", "genres"), window="3e"),
    Among(views, by=("user", "brand"), window="1d"),
    Popularity(orders, window="1d"),
    Distance(orders, by=("user", "price"), window="2e"),
    Similarity(orders, by=("user", "look"), window="7d"),
    Last(views, by="item"),
    Last(orders, by="user"),
    Last(views, by=("user", "brand")),
    Since(orders, by="item"),
    Since(views, by=("user", "genres")),
    Decayed(views, by="item", half_life="12h"),
    Decayed(orders, by="user", half_life="2d"),
    Decayed(views, by=("user", "brand"), half_life="1h"),
    ItemAttribute("price"),
    UserAttribute("age"),
    UserAttribute("country", max_categories=1),
    Length("title"),
    Context("hour"),
]
ELSEWHERE = {FeastView: "read from Feast's own stores: tests/features/test_feast.py"}
SYSTEM = System(
    name="proof",
    user=Entity(
        "user",
        Table(USERS_TABLE.table),
        age=Number("age"),
        country=Category("country"),
        joined=Time("joined"),
    ),
    item=Entity(ITEM),
    events=[views, orders],
    objectives=[Objective("ordered", orders)],
    sources=[Popular()],
    features=FEATURES,
)
USERS, DEVICES = ["u", "v", "w"], ["phone", "desk", None]

happened = st.tuples(
    st.integers(0, 25),  # the event's id: few, so that many are sent again
    st.sampled_from(["view", "view", "order", "unknown"]),
    st.sampled_from(USERS),
    st.sampled_from([*ITEMS.keys, *NEW_ITEMS, "unlisted"]),
    st.sampled_from([0, 0, 0, -5 * MINUTE, SECOND, HOUR, HOUR, DAY, 8 * DAY]),  # how long before it is sent
    st.sampled_from([None, 1.0, 2.5, -4.0]),
    st.sampled_from(DEVICES),
)
requests = st.tuples(st.sampled_from([*USERS, "unknown"]), st.sampled_from(DEVICES))
actions = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.lists(happened, min_size=1, max_size=6)),
        st.tuples(st.just("accept"), st.lists(happened, min_size=1, max_size=6)),
        st.tuples(st.just("pass"), st.sampled_from([1, SECOND, HOUR, DAY, 9 * DAY, -HOUR, -2 * DAY])),
        st.tuples(st.just("request"), requests),
        st.tuples(st.just("request"), requests),
        st.sampled_from([("restart", None), ("learn", None), ("compact", None)]),
        st.tuples(st.just("add_item"), st.sampled_from(sorted(NEW_ITEMS))),
    ),
    min_size=6,
    max_size=16,
)


def kinds(of: type[Definition]) -> Iterator[type[Definition]]:
    """Every kind of definition that Shortlist has."""
    mine = [each for each in of.__subclasses__() if each.__module__.startswith("shortlist.")]
    for each in mine:
        yield from kinds(each)
    if not mine:
        yield of


def test_every_kind_of_feature_takes_part():
    missing = set(kinds(Definition)) - {type(each) for each in FEATURES} - set(ELSEWHERE)
    assert not missing, "put one into FEATURES: " + ", ".join(sorted(each.__name__ for each in missing))


class Answer(NamedTuple):
    """What a server computed for a user at a moment."""

    user: str
    device: str | None
    t: int
    row: np.ndarray
    features: Features


class World:
    """A home, its store, and a server on its newest release; ``clock`` is what all of them take for now."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.releases = folder, START, 0
        self.answers: list[Answer] = []
        self.home = Home.open(folder / "home")
        self.home.items.parent.mkdir()
        ITEMS.table.write_parquet(self.home.items)
        self.home.schema.write_text(json.dumps({}))
        USERS_TABLE.table.write_parquet(self.home.users)
        self.home.users_schema.write_text(json.dumps({}))
        self.store = open_store(self.home)
        self.store.accept([AcceptedEvent("first", "view", "u", "a", START - DAY, 2.0, {"device": "phone"})])
        self.learn()

    def add_item(self, item: str) -> None:
        self.service.add_item(ItemRequest(item, NEW_ITEMS[item]))

    def accept(self, events) -> None:
        # of a moment that the clock passes twice, or has not reached, it is not decided what came before it
        self.answers = [each for each in self.answers if each.t < self.clock - len(events)]
        self.store.accept(
            [
                AcceptedEvent(
                    str(key), event, user, item, self.clock - before, value, device and {"device": device}
                )
                for key, event, user, item, before, value, device in events
            ]
        )

    def data(self) -> tuple[Dataset, int]:
        log, watermark = whole_log(self.home, self.store)
        return load_dataset(SYSTEM, self.home, log, self.store.added_items()), watermark

    def learn(self) -> None:
        data, watermark = self.data()
        # training leaves out events on items that are not added yet; those of a later release than they are not counted
        log = whole_log(self.home, self.store)[0]
        if not set(log.select(ITEM).collect().to_series()) <= set(data.items.keys):
            return
        known = data.training_data(SYSTEM)
        sources = fit_sources(replace(SYSTEM, features=()), known)
        pipeline = replace(sources, features=Features.fit(SYSTEM, known))
        self.releases += 1
        folder = self.folder / str(self.releases)
        folder.mkdir()
        save(folder, SYSTEM, pipeline, data.users, data.histories, watermark)
        self.serve()

    def serve(self) -> None:
        self.service = Service(self.store)
        release = load(self.folder / str(self.releases))
        self.service.activate(ReleaseFacts(self.releases, "", {}, 0, 0), release)

    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.home)
        self.serve()

    def compact(self) -> None:
        compact(self.home, self.store, lambda: self.service.state.view.release.watermark)

    def request(self, user: str, device: str | None) -> None:
        """The server's own way to a row of features; compared with the log as it is at this moment."""
        service = self.service
        service.update()
        with Answering("recommend", service.state, self.store, service.metrics, None) as answering:
            view, queries = answering.user_queries([user], [device and {"device": device}])
        features = view.pipeline.features
        row = features(queries, everything(features)).numeric
        self.answers.append(Answer(user, device, int(queries.at[0]), row, features))
        self.compare(self.answers[-1])
        self.clock += SECOND

    def end(self) -> None:
        for each in self.answers:
            self.compare(each)
        self.store.close()

    def compare(self, answer: Answer) -> None:
        user, device, t, now, features = answer
        data, _ = self.data()
        log = recoded(data.histories, data.contexts, features.facts.contexts)
        log = log.where(log.items < len(features.items))  # others had not arrived
        mine = [row for row, key in enumerate(data.users.keys[: len(log)]) if key == user]
        history = replace(log.take(mine) if mine else Histories.empty(1), users=np.array([user]))
        at = np.array([t])
        queries = with_context(Queries(history.before(at), at), features, device)
        past = features.as_of(log)(queries, everything(features)).numeric
        same = np.isclose(past, now, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        wrong = [
            f"{features.names[column]} of {user} and {features.items.keys[item]} at {t}: "
            f"as of then {past[item, column]}, now {now[item, column]}"
            for item, column in np.argwhere(~same)
        ]
        assert not wrong, "\n".join(wrong)


def with_context(queries: Queries, features: Features, device: str | None) -> Queries:
    """The same queries in the context ``device``."""
    return replace(queries, context=features.facts.contexts.encode_request(device and {"device": device}))


def everything(features: Features) -> Candidates:
    count = len(features.items)
    nothing = np.zeros((count, len(features.facts.sources)), np.float32)
    return Candidates(np.zeros(count, np.int64), np.arange(count, dtype=np.int32), nothing, nothing > 0)


def recoded(log: Histories, of: Contexts, to: Contexts) -> Histories:
    """A log with the words of its contexts as an older release numbers them."""
    words = [*of.vocabularies["device"], None]
    known = {word: code for code, word in enumerate(to.vocabularies["device"])}
    return replace(log, context=np.array([known.get(word, -1) for word in words], np.int16)[log.context])


@settings(max_examples=30, deadline=None)
@given(actions)
def test_what_is_served_is_what_training_reads(stream):
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict("os.environ", SHORTLIST_STORE=""):
        world = None

        def now():
            return world.clock if world else START

        with (
            mock.patch("shortlist.storage.sqlite.now", now),
            mock.patch("shortlist.service.online_state.now", now),
        ):
            world = World(Path(folder))
            for action, given_ in [*stream, ("request", ("u", None)), ("request", ("v", "phone"))]:
                if action == "accept":
                    world.accept(given_)
                elif action == "pass":
                    world.clock += given_
                elif action == "request":
                    world.request(*given_)
                elif action == "add_item":
                    world.add_item(given_)
                else:
                    getattr(world, action)()
            world.end()


def late_log() -> Histories:
    """Two users; a third of their events became available a day later."""
    moments = START + np.arange(40) * HOUR
    log = Histories.from_lists([[0, 1, 2, 3] * 5] * 2, [moments[::2].tolist(), moments[1::2].tolist()])
    known = log.at + np.where(np.arange(40) % 3 == 0, DAY, 0)
    return replace(log, available_at=known, users=np.array(["ann", "bob"]))


def test_check_parity_compares_what_users_own_too():
    features = Features.fit(replace(SYSTEM, features=[Count(views)]), TrainingData(late_log(), ITEMS))
    found = compare(features, late_log())
    assert found.difference is None
    assert found.moments == 24
    assert found.values > 24 * 2 * len(ITEMS)


def test_check_parity_names_the_user_the_item_the_time_and_both_values(monkeypatch):
    """Planted: training that forgets that some events were known late."""

    def too_early(self, moments):
        return self.where(self.at < np.repeat(moments, self.lengths))

    monkeypatch.setattr(Histories, "before", too_early)
    features = Features.fit(
        replace(SYSTEM, features=[Count(views, by="item"), Count(views)]), TrainingData(late_log(), ITEMS)
    )
    difference = compare(features, late_log()).difference
    assert difference is not None
    assert difference.feature == "user_view_count"
    assert difference.user == "ann"
    assert difference.as_of == difference.now + 1
    assert str(difference) == (
        f"user_view_count of user 'ann' and item {difference.item!r} at {np.datetime64(difference.at, 'us')}: "
        f"as of then {difference.as_of:g}, now {difference.now:g}"
    )
