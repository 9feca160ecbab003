from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.form import child
from polars.testing import assert_frame_equal

from shortlist.base.columns import DAY
from shortlist.base.errors import DataError, DeclarationError
from shortlist.data.world.visits import Visits
from shortlist.data.world.world import Truth, World

SMALL = World(users=2_000, items=1_500, events=300_000, days=20, clusters=12, seed=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "small"
    SMALL.write(folder)
    return folder


@pytest.fixture(scope="module")
def truth(folder: Path) -> Truth:
    return Truth.load(folder)


@pytest.fixture(scope="module")
def views(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "views" / "*.parquet").with_columns(moment=pl.col("at").dt.epoch("us"))


@pytest.fixture(scope="module")
def purchases(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "purchases" / "*.parquet")


def auc(wanted: np.ndarray, others: np.ndarray) -> float:
    return float((wanted > others).mean() + (wanted == others).mean() / 2)


def test_the_same_parameters_give_the_same_rows(folder: Path, tmp_path: Path) -> None:
    SMALL.write(tmp_path / "again")
    replace(SMALL, seed=6).write(tmp_path / "other")
    paths = folder, tmp_path / "again", tmp_path / "other"
    for table in ("items", "views", "purchases"):
        first, again, other = (pl.read_parquet(path / table / "*.parquet") for path in paths)
        assert_frame_equal(first, again)
        assert not first.equals(other)


def test_about_as_many_events_as_declared(views: pl.DataFrame, purchases: pl.DataFrame) -> None:
    assert len(views) + len(purchases) == pytest.approx(SMALL.events, rel=0.05)


def test_files_are_in_the_order_of_time(folder: Path, views: pl.DataFrame, purchases: pl.DataFrame) -> None:
    assert views["at"].is_sorted()
    assert purchases["at"].is_sorted()
    for path in (folder / "views").iterdir():
        days = pl.read_parquet(path)["at"].dt.date().unique().to_list()
        assert days == [date.fromisoformat(path.name[:10])]
    assert len(list((folder / "views").iterdir())) == SMALL.days


def test_catalogue_and_users_are_complete(folder: Path, views: pl.DataFrame) -> None:
    items = pl.read_parquet(folder / "items" / "*.parquet")
    assert items["item_id"].to_list() == list(range(SMALL.items))
    assert items.null_count().sum_horizontal().item() == 0
    assert set(views["user_id"]) <= set(range(SMALL.users))
    assert views["user_id"].n_unique() > 0.95 * SMALL.users


def test_no_event_before_an_item_arrives(folder: Path, views: pl.DataFrame, purchases: pl.DataFrame) -> None:
    items = pl.read_parquet(folder / "items" / "*.parquet")
    late = items.filter(pl.col("arrived").dt.date() >= SMALL.start)
    assert len(late) == pytest.approx(SMALL.new_items * SMALL.items, rel=0.15)
    for events in (views, purchases):
        joined = events.join(items, on="item_id")
        assert len(joined) == len(events)
        assert (joined["at"] > joined["arrived"]).all()
    assert views["item_id"].is_in(late["item_id"].to_list()).any()


def test_every_purchase_follows_its_view(views: pl.DataFrame, purchases: pl.DataFrame) -> None:
    viewed = views.select("user_id", "item_id", "at", viewed="at")
    seen = purchases.join_asof(viewed, on="at", by=["user_id", "item_id"], check_sortedness=False)
    assert seen["viewed"].null_count() == 0


def slope(**parameters: float) -> float:
    """Of views over true rank, both logarithmic, away from the head (a slate shows nothing twice)."""
    world = World(users=5_000, items=3_000, days=4, popularity_drift=0, new_items=0, seed=3)
    truth = Truth.draw(replace(world, **parameters))
    drawn = [views for day in range(4) for _, views, _ in Visits(truth).of_day(day, 60_000)]
    edges = np.geomspace(30, 3_000, 10)
    counts, _ = np.histogram(truth.rank[pl.concat(drawn)["item_id"].to_numpy()], edges)
    fitted, _ = np.polyfit(np.log(edges[:-1] + edges[1:]), np.log(counts / np.diff(edges)), 1)
    return float(fitted)


@pytest.mark.parametrize("zipf", [0.7, 1.0])
def test_popularity_follows_zipf(zipf: float) -> None:
    assert slope(zipf=zipf, slate=1) == pytest.approx(-zipf, abs=0.05)


def test_position_bias_makes_the_rich_richer() -> None:
    assert slope(position_bias=1) < slope(position_bias=0) - 0.1


def test_users_stay_with_their_favourite_clusters(views: pl.DataFrame, truth: Truth) -> None:
    """In the first days, before tastes change."""
    early = views.head(50_000)
    cluster = truth.cluster[early["item_id"].to_numpy()][:, None]
    favourites = truth.favourites[early["user_id"].to_numpy(), 0]
    own = (favourites == cluster).any(axis=1).mean()
    anyones = (np.random.default_rng(0).permutation(favourites) == cluster).any(axis=1).mean()
    assert own > 1.5 * anyones


def test_tastes_drift(views: pl.DataFrame, truth: Truth) -> None:
    def share(events: pl.DataFrame, which: int) -> float:
        cluster = truth.cluster[events["item_id"].to_numpy()]
        return float((truth.favourites[events["user_id"].to_numpy(), which, 0] == cluster).mean())

    first, last = views.head(40_000), views.tail(40_000)
    assert share(last, 0) < 0.8 * share(first, 0)
    assert share(last, 1) > 1.2 * share(first, 1)


def test_popularity_drifts(views: pl.DataFrame, truth: Truth) -> None:
    """The true popularity of a day explains its views better than that of the other half of the log."""
    first = truth.popularity(SMALL.begin + DAY)
    middle = truth.popularity(SMALL.begin + 11 * DAY)
    there = first > 0
    seen = np.bincount(views.head(20_000)["item_id"].to_numpy(), minlength=SMALL.items)[there]
    near, far = (np.corrcoef(np.log1p(seen), np.log(then[there]))[0, 1] for then in (first, middle))
    assert near > far + 0.05


def test_position_bias_is_visible(truth: Truth) -> None:
    """With one cluster and equal popularity nothing but the position decides who is examined at."""
    world = replace(SMALL, clusters=1, zipf=0, popularity_drift=0, new_items=0, taste_drift=0)
    [(_, views, _)] = Visits(Truth.draw(world)).of_day(0, 60_000)
    counts = np.bincount(views["position"].to_numpy(), minlength=world.slate)
    np.testing.assert_allclose(counts / counts[0], truth.examination(), rtol=0.06)


def test_a_slate_shows_nothing_twice() -> None:
    world = replace(SMALL, position_bias=0, zipf=2)
    drawn = Visits(Truth.draw(world))
    drawn._reweight(world.begin)
    visit, position, place = drawn._examine(np.random.default_rng(0), np.zeros(500, np.int16))
    examined = pl.DataFrame({"visit": visit, "position": position, "place": place})
    assert not examined.select("visit", "place").is_duplicated().any()
    assert not examined.select("visit", "position").is_duplicated().any()
    by_visit = examined.group_by("visit").agg(pl.col("position").max(), pl.len())
    assert (by_visit["position"] + 1 == by_visit["len"]).all()


def test_truth_predicts_better_than_popularity(views: pl.DataFrame, truth: Truth) -> None:
    last = views.filter(pl.col("moment") >= SMALL.end - DAY)
    before = views.filter(pl.col("moment") < SMALL.end - DAY)
    users, items, moments = (last[name].to_numpy() for name in ("user_id", "item_id", "moment"))
    others = np.random.default_rng(0).integers(SMALL.items, size=len(items))
    counted = np.bincount(before["item_id"].to_numpy(), minlength=SMALL.items)
    now = SMALL.end - DAY
    by_propensity = auc(truth.view_propensity(users, items, now), truth.view_propensity(users, others, now))
    assert by_propensity > auc(counted[items], counted[others]) + 0.03
    popular_others = np.random.default_rng(1).permutation(items)
    by_affinity = auc(truth.affinity(users, items, moments), truth.affinity(users, popular_others, moments))
    assert by_affinity > 0.7


def test_purchases_are_of_what_is_liked(views: pl.DataFrame, purchases: pl.DataFrame, truth: Truth) -> None:
    viewed, bought = (
        truth.affinity(events["user_id"].to_numpy(), events["item_id"].to_numpy(), SMALL.end).mean()
        for events in (views, purchases)
    )
    assert bought > viewed + 0.02
    price = truth.price[purchases["item_id"].to_numpy()]
    np.testing.assert_array_equal(purchases["price"].to_numpy(), price)


def test_attributes_tell_of_the_item(folder: Path, truth: Truth) -> None:
    items = pl.read_parquet(folder / "items" / "*.parquet")
    category = items["category"].str.tail(2).cast(pl.Int16).to_numpy()
    assert (category == truth.cluster).mean() == pytest.approx(0.9, abs=0.04)
    assert np.corrcoef(np.log(items["price"].to_numpy()), truth.vectors[:, 0])[0, 1] > 0.5
    assert (items["tags"].list.len() == 3).all()
    tagged = items["tags"].list.contains("tag-00").to_numpy()
    mean, other = (truth.vectors[which].mean(axis=0) for which in (tagged, ~tagged))
    assert np.linalg.norm(mean - other) > 0.3


def test_affinity_broadcasts(truth: Truth) -> None:
    users, items = np.array([3, 7]), np.array([0, 5, 9])
    matrix = truth.affinity(users[:, None], items)
    assert matrix.shape == (2, 3)
    assert ((matrix > 0) & (matrix < 1)).all()
    np.testing.assert_allclose(matrix[1], truth.affinity(7, items), rtol=1e-6)
    np.testing.assert_allclose(
        truth.view_propensity(users[:, None], items)[1], truth.view_propensity(7, items), rtol=1e-6
    )
    assert float(truth.affinity(7, 5)) == pytest.approx(float(matrix[1, 1]), rel=1e-6)


def test_truth_comes_back_as_it_was_made(truth: Truth) -> None:
    made = Truth.draw(SMALL)
    assert truth.parameters == replace(truth.parameters, **vars(SMALL))
    for name in ("cluster", "vectors", "rank", "arrived", "price", "favourites", "tastes"):
        np.testing.assert_array_equal(getattr(truth, name), getattr(made, name))


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    world = World(users=500, items=500, days=3)
    short = child(replace(world, events=900_000).write, tmp_path / "short")
    long = child(replace(world, events=3_600_000).write, tmp_path / "long")
    assert long.peak < 1.2 * short.peak


def test_a_folder_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(DataError, match="exists already"):
        SMALL.write(folder)


def test_no_world_no_truth(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no synthetic world"):
        Truth.load(tmp_path)


def test_impossible_parameters_are_all_named() -> None:
    with pytest.raises(DeclarationError) as caught:
        World(users=0, exploration=1.5, zipf=-1)
    assert len(caught.value.problems) == 3
    with pytest.raises(DeclarationError, match="32 clusters"):
        World(items=10)


ODD = [{"new_items": 1}, {"items": 2, "clusters": 2}, {"users": 1}, {"slate": 1}, {"events": 1}]


@pytest.mark.parametrize("parameters", ODD)
def test_odd_worlds_can_be_written(tmp_path: Path, parameters: dict[str, float]) -> None:
    world = replace(World(users=50, items=60, events=500, days=3, clusters=5), **parameters)
    world.write(tmp_path / "world")
    assert pl.read_parquet(tmp_path / "world" / "views" / "*.parquet")["item_id"].is_between(0, 59).all()
