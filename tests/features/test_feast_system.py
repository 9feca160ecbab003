"""A System with views of Feast: checked, trained, saved, loaded, served, and served without Feast."""

import csv
import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shortlist.base.errors import DeclarationError
from shortlist.features.kinds.feast import open_view
from shortlist.project import verbs
from shortlist.project.local_service import open_service
from shortlist.project.project import open_project
from shortlist.service.requests import ExplainRequest, RecommendRequest
from shortlist.testing.toy import toy_histories, toy_items

feast = pytest.importorskip("feast", reason="Feast has an environment of its own: run `make test-feast`")

START, LATER = datetime(2023, 11, 1, tzinfo=UTC), timedelta(days=40)  # the log is from day 13 to 73
SHOP = """
from shortlist import Automatic, Entity, Event, FeastView, LogisticRegression, Objective, Popular, System, Table

views = Event("view", Table("views.csv"), user="who", item="what", at="when")
system = System(
    name="shop",
    user=Entity("who"),
    item=Entity("sku", Table("products.csv"), title="name"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular()],
    rankers=[LogisticRegression()],
    features=[
        Automatic(),
        FeastView("item_stats", features=["ctr"]),
        FeastView("user_stats", features=["kind"], by="user"),
    ],
)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The toy world as a project, and beside it a Feast repository about its items and users."""
    folder = tmp_path_factory.mktemp("shop")
    items, histories = toy_items(), toy_histories()
    with (folder / "products.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("sku", "name"), *((key, key) for key in items.keys)])
    with (folder / "views.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["who", "what", "when"])
        for row, item, at in zip(histories.rows, histories.items, histories.at, strict=True):
            rows.writerow([f"u{row}", items.keys[item], 1_700_000_000 + int(at) // 1_000_000])
    (folder / "shop.py").write_text(SHOP)
    feature_repo(folder / "feature_repo", items.keys, len(histories))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHORTLIST_HOME", str(folder / "home"))
        patch.delenv("SHORTLIST_STORE", raising=False)
        project = open_project(folder / "shop.py")
        verbs.ingest(project)
        data, watermark = verbs.dataset(project)
        trial = verbs.evaluate(project, data)
        project.releases.publish(verbs.train(project, data, watermark, trial.evaluation))
        yield project


def feature_repo(folder, items, users):
    """An item's ctr is a hundredth of its position; a user's kind is that of the items they like.

    The first of each has another value since the middle of the log.
    """
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float32, Int64

    folder.mkdir()
    (folder / "feature_store.yaml").write_text(
        "project: shop\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\n"
        "online_store:\n  type: sqlite\n  path: online.db\n"
    )
    stats = {
        "item": pl.DataFrame({"item": items, "ctr": np.arange(len(items)) / 100}),
        "user": pl.DataFrame({"user": [f"u{row}" for row in range(users)], "kind": np.arange(users) % 2}),
    }
    store = FeatureStore(str(folder))
    for name, column, kind in (("item", "ctr", Float32), ("user", "kind", Int64)):
        rows = stats[name].with_columns(at=pl.lit(START))
        later = rows.head(1).with_columns(pl.lit(1).cast(rows[column].dtype).alias(column), at=START + LATER)
        pl.concat([rows, later]).write_parquet(folder / f"{name}.parquet")
        entity = Entity(name=name, join_keys=[name], value_type=ValueType.STRING)
        source = FileSource(path=f"{name}.parquet", timestamp_field="at")
        schema = [Field(name=column, dtype=kind)]
        store.apply(
            [entity, FeatureView(name=f"{name}_stats", entities=[entity], schema=schema, source=source)]
        )
    store.materialize(START - LATER, START + 2 * LATER)


def test_the_relative_repository_is_beside_the_system_file(shop):
    assert [view.repo for view in shop.system.features[1:]] == [str(shop.root / "feature_repo")] * 2


def test_check_reads_the_repository(shop, tmp_path):
    assert not [problem for problem in verbs.check(shop) if problem.severity == "error"]
    other = shop.root / "other.py"
    other.write_text(SHOP.replace('["kind"]', '["kinds"]'))
    errors = [str(problem) for problem in verbs.check(open_project(other)) if problem.severity == "error"]
    assert errors == ["features: feature view 'user_stats' has no feature 'kinds': did you mean 'kind'?"]


def test_the_table_of_features_has_the_columns(shop):
    columns = {column.name: column for column in verbs.features(shop)}
    ctr, kind = columns["item_stats_ctr"], columns["user_stats_kind"]
    assert (ctr.owner, ctr.kind, ctr.coverage) == ("item", "FeastView", 1.0)
    assert (kind.owner, kind.kind, kind.coverage) == ("user", "FeastView", 1.0)


def test_parity_looks_at_what_the_log_says(shop):
    assert verbs.parity(shop).difference is None


@pytest.fixture
def service(shop):
    service = open_service(shop.home)
    yield service
    service.store.close()


def explained(service, user):
    [explanation] = service.explain(ExplainRequest(user, ["i7"], 5)).items
    return explanation


def test_a_release_reads_its_views_now(service):
    [slate] = service.recommend([RecommendRequest("u3", 5)])
    assert len(slate.items) == 5
    assert not slate.degraded
    assert explained(service, "u3").features["item_stats_ctr"] == pytest.approx(0.07)
    assert explained(service, "u3").features["user_stats_kind"] == 1.0
    assert explained(service, "unknown").features["user_stats_kind"] is None


def test_training_saw_the_same_values(service):
    """The ranker uses Feast's values: a user of the other kind gets another probability of the same item."""
    assert explained(service, "u3").contributions["viewed"]["item_stats_ctr"] != 0


def test_without_feast_slates_are_full_and_name_what_is_missing(shop, service):
    """Last: it breaks the online store."""
    with sqlite3.connect(shop.root / "feature_repo" / "online.db") as database:
        database.execute("DROP TABLE shop_item_stats")
    open_view.cache_clear()
    [slate] = service.recommend([RecommendRequest("u3", 5)])
    assert len(slate.items) == 5
    assert any(note.startswith("features item_stats_ctr: Feast cannot answer") for note in slate.degraded)


def test_a_system_that_names_an_unknown_view_does_not_train(shop):
    other = shop.root / "unknown.py"
    other.write_text(SHOP.replace('"item_stats"', '"item_stat"'))
    project = open_project(other)
    data, _ = verbs.dataset(project)
    with pytest.raises(DeclarationError, match="did you mean 'item_stats'"):
        verbs.evaluate(project, data)
