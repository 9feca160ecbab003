"""A kind of feature is one class: two that are written here alone are declared, trained, saved, loaded and read."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest

from shortlist import (
    Automatic,
    Count,
    DeclarationError,
    Entity,
    Event,
    LogisticRegression,
    Objective,
    Popular,
    System,
)
from shortlist.base.columns import DAY
from shortlist.base.errors import ReleaseError
from shortlist.base.files import read_json, write_json
from shortlist.base.growable import GrowableArray
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import Users
from shortlist.features.event_definition import missing_attribute
from shortlist.features.event_feature import WindowedFeature
from shortlist.features.features import Features
from shortlist.features.kind import Block, FeatureKind
from shortlist.features.parity import compare
from shortlist.features.readers.reader import ItemStatistics
from shortlist.features.schema import attributes_of
from shortlist.features.table import described
from shortlist.pipeline.release import load, save
from shortlist.testing.toy import ITEMS, toy_histories, toy_items
from shortlist.training.fit import fit


@dataclass(frozen=True, eq=False)
class Margin(WindowedFeature):
    """Events for less events against, shrunk towards the margin of the log: made of events, of any owner."""

    against: Event = field(kw_only=True)
    weight: float = field(default=1.0, kw_only=True)

    @property
    def events(self):
        return self.event, self.against

    @property
    def statistics(self):
        return ItemStatistics.of(windows=self.over)

    def prior(self, histories, codes):
        count, against = ((histories.event == codes[event]).mean() for event in self.events)
        return float(count - against)

    def value(self, read, keys, t, prior):
        count, against = (read(event).counts(keys, t, self.over) for event in self.events)
        return (count - against) / (count + against + self.weight) + self.weight * prior


@dataclass(frozen=True)
class Cheapness(FeatureKind):
    """The part of the catalogue of training that costs more: of items, with a block of its own."""

    attribute: str
    name: str = "item_cheapness"

    @property
    def block(self):
        return CheapnessBlock

    def data_problems(self, data) -> Iterator[str]:
        table = data.items.table
        yield from missing_attribute(
            repr(self), self.attribute, table.columns, attributes_of(table, "number")
        )

    def learns(self, data, codes):
        prices = data.items.table[self.attribute].drop_nulls().sort().to_numpy()
        yield f"prices.{self.attribute}", lambda: prices


class CheapnessBlock(Block):
    def __init__(self, definitions, inputs):
        self.definitions, self.names = definitions, [each.name for each in definitions]
        self._prices = [inputs.learned[f"prices.{each.attribute}"] for each in definitions]
        self._values = GrowableArray(self._of(inputs.items.table))

    def columns(self, queries, candidates):
        return self._values.rows.take(candidates.items, axis=0)

    def with_new_items(self, items):
        longer = copy(self)
        longer._values = self._values.appended(self._of(items.table[len(self._values) :]))
        return longer

    def _of(self, table):
        columns = []
        for each, prices in zip(self.definitions, self._prices, strict=True):
            own = table[each.attribute].to_numpy()
            dearer = 1 - np.searchsorted(prices, own, side="right") / len(prices)
            columns.append(np.where(np.isnan(own), np.nan, dearer).astype(np.float32))
        return np.stack(columns, axis=1)


likes, skips = Event("like"), Event("skip")
SYSTEM = System(
    name="toy",
    user=Entity("user"),
    item=Entity("item"),
    events=[likes, skips],
    objectives=[Objective("liked", likes)],
    sources=[Popular()],
    rankers=[LogisticRegression()],
    features=[
        Automatic(),
        Cheapness("price"),
        Margin(likes, against=skips, by="item", window="30d"),
        Margin(likes, against=skips),
        Margin(likes, against=skips, by=("user", "brand"), weight=2.0),
    ],
)
OWN = ["item_cheapness", "item_like_margin_30d", "user_like_margin", "user_brand_like_margin"]
NOW = 61 * DAY


@pytest.fixture(scope="module")
def histories():
    log = toy_histories()
    return replace(log, event=(np.arange(len(log.at)) % 3 == 0).astype(np.int16))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, histories):
    folder = tmp_path_factory.mktemp("release")
    trained = fit(SYSTEM, toy_items(), histories)
    save(
        folder,
        SYSTEM,
        trained.rankers["logistic_regression"],
        Users.of_keys([f"u{n}" for n in range(len(histories))]),
        histories,
        0,
    )
    return folder


@pytest.fixture(scope="module")
def pipeline(folder):
    return load(folder).pipeline


def own_columns(features, histories, items):
    rows = np.arange(len(histories))
    scores = np.zeros((len(rows), 1), np.float32)
    candidates = Candidates(rows, np.resize(items, len(rows)).astype(np.int32), scores, scores > 0)
    table = features(Queries(histories, np.full(len(rows), NOW)), candidates).numeric
    return table[:, [features.names.index(name) for name in OWN]]


def test_the_ranker_of_the_release_has_learned_from_them(pipeline, histories):
    assert set(OWN) <= set(pipeline.features.names)
    slates = pipeline.recommend(Queries(histories.take(np.array([0])), np.array([NOW])), 5)
    assert len(slates.items) == 5


def test_as_of_equals_now_and_the_values_are_right(pipeline, histories):
    now = own_columns(pipeline.features, histories, np.arange(ITEMS))
    past = own_columns(pipeline.features.as_of(histories), histories, np.arange(ITEMS))
    assert np.array_equal(now, past, equal_nan=True)
    assert compare(pipeline.features, histories).difference is None
    first = histories.event[: histories.offsets[1]]
    liked, skipped = (first == 0).sum(), (first == 1).sum()
    prior = (histories.event == 0).mean() - (histories.event == 1).mean()
    assert now[0, 2] == pytest.approx((liked - skipped) / (liked + skipped + 1) + prior)
    assert now[0, 0] != now[0, 0], "item 0 has no price"
    assert now[38, 0] == 0, "nothing is dearer"


def test_they_are_among_the_columns_that_are_shown(pipeline, histories):
    columns = {each.name: each for each in described(pipeline.features, histories)}
    assert (columns["item_cheapness"].kind, columns["item_cheapness"].owner) == ("Cheapness", "item")
    margin = columns["user_brand_like_margin"]
    assert (margin.kind, margin.owner, margin.window) == ("Margin", "user × brand", "all")


def test_they_grow_with_the_catalogue(pipeline, histories):
    new = pl.DataFrame({"item": ["new"], "price": [20.5]})
    items = pipeline.items.with_new_items(pl.concat([pipeline.items.table[:0], new], how="diagonal"))
    extended = pipeline.features.with_new_items(items)
    values = own_columns(extended, histories, np.array([ITEMS]))
    prices = toy_items().table["price"].drop_nulls()
    assert values[0, 0] == pytest.approx((prices > 20.5).sum() / len(prices))


def test_their_problems_are_named():
    invalid = replace(SYSTEM, features=[Cheapness("prise")])
    with pytest.raises(DeclarationError, match="did you mean 'price'"):
        fit(invalid, toy_items(), toy_histories())
    with pytest.raises(DeclarationError, match="'user_like_margin' is used 2 times"):
        replace(SYSTEM, features=[Margin(likes, against=skips)] * 2)
    with pytest.raises(DeclarationError, match="reads event 'share', which is not in events"):
        replace(SYSTEM, features=[Margin(likes, against=Event("share"))])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere:Margin", "cannot be imported here"),
        ("shortlist.base.items:Items", "as a FeatureKind, which it is not"),
    ],
)
def test_a_kind_that_is_not_here_is_refused(folder, tmp_path, path, message):
    data = read_json(folder / "features" / "features.json")
    data["definitions"] = [{"class": path, "parameters": {}}]
    write_json(tmp_path / "features.json", data)
    with pytest.raises(ReleaseError, match=message):
        Features.load(tmp_path, toy_items(), load(folder).pipeline.features.users, toy_histories())


def test_a_declared_feature_takes_the_place_of_the_automatic_one(histories):
    own = Count(likes, by="item", window="30d")
    declared = replace(SYSTEM, features=[Automatic(), own])
    names = fit(declared, toy_items(), histories).retrieval.features.names
    assert names.count("item_like_count_30d") == 1
