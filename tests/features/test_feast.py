"""Feature views of a real Feast repository (local, SQLite): both readers, values known by hand."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shortlist import Automatic, DeclarationError, Entity, Event, FeastView, Objective, Popular, System
from shortlist.base.columns import DAY
from shortlist.base.errors import DataError, UnavailableError
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import NO_USERS
from shortlist.features.features import Features
from shortlist.features.kinds.feast import open_view
from shortlist.system.contracts import TrainingData

feast = pytest.importorskip("feast", reason="Feast has an environment of its own: run `make test-feast`")

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY_0 = int(START.timestamp()) * 1_000_000
CONFIG = """
project: shop
provider: local
registry: registry.db
online_store:
  type: sqlite
  path: online.db
entity_key_serialization_version: 3
"""
# item 7 has a row of day 3 that was only known on day 5; "x" is a key that Feast's whole numbers do not have
ITEM_STATS = [(7, 1, 1, 0.1, 10), (7, 3, 5, 0.3, 30), (8, 2, 2, 0.2, None), (12, 20, 20, 0.9, 90)]
USER_STATS = [("ann", 1, 30.0, True), ("ann", 9, 31.0, False), ("bob", 2, 40.0, None)]
ITEMS = Items(pl.DataFrame({"item": ["7", "8", "9", "x"]}))
views = Event("view")
of_items = FeastView("item_stats", features=["sold", "ctr"])
of_users = FeastView("user_stats", features=["age", "member"], by="user")
system = System(
    name="shop",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular()],
    features=[of_items, of_users],
)


def on(day):
    return START + timedelta(days=day)


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """The repository, applied, and materialized up to day 10."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Bool, Float32, Float64, Int64, String

    folder = tmp_path_factory.mktemp("feast")
    (folder / "feature_store.yaml").write_text(CONFIG)
    stats = pl.DataFrame(ITEM_STATS, ["sku", "day", "known", "ctr", "sold"], orient="row")
    users = pl.DataFrame(USER_STATS, ["who", "day", "age", "member"], orient="row")
    for name, table in (("items", stats), ("users", users)):
        moments = [
            (pl.lit(START) + pl.duration(days=c)).alias(c) for c in ("day", "known") if c in table.columns
        ]
        table.with_columns(*moments).write_parquet(folder / f"{name}.parquet")
    sku = Entity(name="product", join_keys=["sku"], value_type=ValueType.INT64)
    who = Entity(name="user", join_keys=["who"], value_type=ValueType.STRING)

    def source(name, created=None):
        return FileSource(path=f"{name}.parquet", timestamp_field="day", created_timestamp_column=created)

    def view(name, entities, fields, source):
        schema = [Field(name=field, dtype=kind) for field, kind in fields.items()]
        return FeatureView(name=name, entities=entities, schema=schema, source=source)

    store = FeatureStore(str(folder))
    store.apply(
        [
            sku,
            who,
            view("item_stats", [sku], {"ctr": Float32, "sold": Int64}, source("items", "known")),
            view("user_stats", [who], {"age": Float64, "member": Bool}, source("users")),
            view("pairs", [sku, who], {"ctr": Float32}, source("items")),
            view("titles", [sku], {"ctr": String}, source("items")),
        ]
    )
    store.materialize(on(-1), on(10), ["item_stats", "user_stats"])
    return folder


@pytest.fixture(scope="module")
def features(repo):
    return Features.fit(below(system, repo), TrainingData(Histories.empty(1), ITEMS))


def below(declared, repo):
    return replace(declared, features=[replace(view, repo=str(repo)) for view in declared.features])


def table(features, days, users, degraded=None):
    """Every item for each query: {column: [queries][items]}."""
    at = np.array([DAY_0 + int(day * DAY) for day in days])
    histories = replace(Histories.empty(len(days)), users=np.array(users, object) if users else None)
    rows, items = np.repeat(np.arange(len(days)), len(ITEMS)), np.tile(np.arange(len(ITEMS)), len(days))
    scores = np.zeros((len(rows), 1), np.float32)
    values = features(
        Queries(histories, at), Candidates(rows, items.astype(np.int32), scores, scores > 0), degraded
    ).numeric
    named = dict(zip(features.names, values.T.reshape(len(features.names), len(days), -1), strict=True))
    return {name: column for name, column in named.items() if name != "source_popular"}


def same(found, wanted):
    return np.array_equal(found, np.array(wanted, np.float32), equal_nan=True)


nan = np.nan


def test_columns_are_named_after_view_and_feature(features):
    assert features.names[1:] == ["item_stats_sold", "item_stats_ctr", "user_stats_age", "user_stats_member"]


def test_as_of_past_moments(features):
    past = features.as_of(Histories.empty(1))
    found = table(past, [1, 1.5, 4, 5, 6], ["ann", "ann", "bob", "cid", "ann"])
    # at day 1 exactly the row of day 1 is not seen yet; at 4 the row of day 3 was not known, nor at 5 exactly
    assert same(
        found["item_stats_ctr"],
        [[nan] * 4, [0.1, nan, nan, nan], *[[0.1, 0.2, nan, nan]] * 2, [0.3, 0.2, nan, nan]],
    )
    assert same(
        found["item_stats_sold"],
        [[nan] * 4, [10, nan, nan, nan], *[[10, nan, nan, nan]] * 2, [30, nan, nan, nan]],
    )
    assert same(found["user_stats_age"], [[nan] * 4, [30] * 4, [40] * 4, [nan] * 4, [30] * 4])
    assert same(found["user_stats_member"], [[nan] * 4, [1] * 4, [nan] * 4, [nan] * 4, [1] * 4])


def test_a_microsecond_decides(features):
    past = features.as_of(Histories.empty(1))
    before, after = table(past, [9, 9 + 1 / DAY], ["ann", "ann"])["user_stats_age"][:, 0]
    assert (before, after) == (30, 31)


def test_both_readers_agree_on_what_is_materialized(features):
    past, users = features.as_of(Histories.empty(1)), ["ann", "bob", "cid"]
    now, then = table(features, [10, 10, 10], users), table(past, [10, 10, 10], users)
    for name, column in now.items():
        assert same(column, then[name]), name
    assert same(now["item_stats_ctr"][0], [0.3, 0.2, nan, nan])
    assert same(now["user_stats_age"][:, 0], [31, 40, nan])


def test_batch_equals_single(features):
    for each in (features, features.as_of(Histories.empty(1))):
        together = table(each, [4, 6, 6], ["bob", "ann", "ann"])
        alone = table(each, [6], ["ann"])
        for name in alone:
            assert same(together[name][1], alone[name][0])


def test_without_a_user_there_are_no_values_of_users(features):
    for each in (features, features.as_of(Histories.empty(1))):
        found = table(each, [6], None)
        assert np.isnan(found["user_stats_age"]).all()
        assert same(found["item_stats_ctr"], [[0.3, 0.2, nan, nan]])


def test_one_question_for_all_candidates(features, monkeypatch):
    requests = []
    store = open_view(features.facts.definitions[0]).store
    honest = store.get_online_features
    monkeypatch.setattr(
        store, "get_online_features", lambda f, rows: requests.append(rows) or honest(f, rows)
    )
    table(features, [6, 6], ["ann", "ann"])
    assert requests == [{"sku": [7, 8, 9]}]  # another store object reads the view of users


def test_facts_are_saved_and_loaded(features, tmp_path):
    features.save(tmp_path)
    again = Features.load(tmp_path, ITEMS, NO_USERS, Histories.empty(1))
    assert again.names == features.names
    first, second = table(features, [6], ["ann"]), table(again, [6], ["ann"])
    assert all(same(first[name], second[name]) for name in first)


def test_a_store_that_cannot_answer_is_left_out_and_told(repo, tmp_path):
    import shutil

    shutil.copytree(repo, tmp_path / "gone")
    fitted = Features.fit(below(system, tmp_path / "gone"), TrainingData(Histories.empty(1), ITEMS))
    with sqlite3.connect(tmp_path / "gone" / "online.db") as database:
        database.execute("DROP TABLE shop_item_stats")
    degraded = []
    found = table(fitted, [6], ["ann"], degraded)
    assert np.isnan(found["item_stats_ctr"]).all()
    assert same(found["user_stats_age"], [[31] * 4])
    (reason,) = degraded
    assert reason.startswith("features item_stats_sold, item_stats_ctr: Feast cannot answer for 'item_stats'")
    with pytest.raises(UnavailableError, match="no such table"):
        table(fitted, [6], ["ann"])
    (tmp_path / "gone" / "items.parquet").unlink()
    with pytest.raises(DataError, match="as of past moments"):  # training does not go on without
        table(fitted.as_of(Histories.empty(1)), [6], ["ann"], degraded)


def test_a_repository_that_went_away_is_left_out_too(features, repo, tmp_path):
    moved = FeastView("item_stats", repo=str(tmp_path / "nowhere"), features=["ctr"])
    lost = Features(replace(features.facts, definitions=(moved,)), ITEMS, NO_USERS, features.readers)
    degraded = []
    assert np.isnan(table(lost, [6], ["ann"], degraded)["item_stats_ctr"]).all()
    assert "cannot open the repository" in degraded[0]


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (FeastView("item_stat", features=["ctr"]), "did you mean 'item_stats'"),
        (FeastView("item_stats", features=["ctrr"]), "no feature 'ctrr': did you mean 'ctr'"),
        (FeastView("pairs", features=["ctr"]), "not read by one key but by sku, who"),
        (FeastView("titles", features=["ctr"]), "is no number but STRING"),
    ],
)
def test_what_feast_does_not_have_is_refused(view, message, repo):
    with pytest.raises(DeclarationError, match=message):
        Features.fit(below(replace(system, features=[view]), repo), TrainingData(Histories.empty(1), ITEMS))


def test_no_repository(tmp_path):
    with pytest.raises(DeclarationError, match=r"which should hold a feature_store\.yaml"):
        Features.fit(below(system, tmp_path), TrainingData(Histories.empty(1), ITEMS))


def test_it_extends_the_automatic_set(repo):
    extended = replace(system, features=[Automatic(), replace(of_items, repo=str(repo))])
    names = Features.fit(extended, TrainingData(Histories.from_lists([[0, 1]]), ITEMS)).names
    assert {"item_view_count", "item_stats_ctr"} <= set(names)
