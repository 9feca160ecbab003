"""What needs no events: the catalogue as it is, and the context of the request."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist import (
    Band,
    Context,
    Count,
    DeclarationError,
    Distance,
    Entity,
    Event,
    ItemAttribute,
    Length,
    Objective,
    Popular,
    Share,
    Similarity,
    System,
    Table,
)
from shortlist.base.columns import DAY, HOUR
from shortlist.base.contexts import Contexts
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import NO_USERS
from shortlist.features.features import Features
from shortlist.system.contracts import TrainingData

views = Event("view", value="stars", context={"device": "device"})
ITEMS = Items(
    pl.DataFrame(
        {
            "item": ["a", "b", "c", "d"],
            "genres": [["x", "y"], ["x"], [], None],
            "brand": ["p", "p", None, "p"],
            "about": ["short", "a longer text", None, "other words"],
            "price": [1.0, None, 3.0, 4.0],
            "released": [0, DAY, None, 3 * DAY],
            "look": [[1.0, 0.0], [0.0, 1.0], None, [1.0, 1.0]],
        }
    )
)
CONTEXTS = Contexts({"device": ("mobile", "tv", "car")})
NOTHING = Histories.empty(1)
DATA = TrainingData(NOTHING, ITEMS, contexts=CONTEXTS)


def system(*features, **changes):
    parameters = {"events": [views], "item": Entity("item"), "features": features}
    return System(
        name="shop",
        user=Entity("user"),
        objectives=[Objective("viewed", views)],
        sources=[Popular()],
        **(parameters | changes),
    )


def read(definition, items=(0, 1, 2, 3), at=5 * DAY, context=None):
    """Columns by name for one query over some items."""
    features = Features.fit(system(definition), DATA)
    scores = np.zeros((len(items), 1), np.float32)
    candidates = Candidates(np.zeros(len(items), np.int64), np.array(items, np.int32), scores, scores > 0)
    codes = None if context is None else CONTEXTS.codes([context])
    values = features(Queries(NOTHING, np.array([at]), codes), candidates).numeric
    return {
        name: [None if np.isnan(x) else x for x in column.tolist()]
        for name, column in zip(features.names[1:], values.T[1:], strict=True)
    }


def test_attributes_as_they_are():
    assert read(ItemAttribute("price")) == {"item_price": [1, None, 3, 4]}
    assert read(ItemAttribute("released")) == {"item_released_age": [5, 4, None, 2]}
    assert read(ItemAttribute("genres")) == {
        "item_genres=x": [1, 1, None, None],
        "item_genres=y": [1, 0, None, None],
    }
    assert read(ItemAttribute("genres", max_categories=1)) == {"item_genres=x": [1, 1, None, None]}
    assert read(ItemAttribute("brand")) == {"item_brand=p": [1, 1, None, 1]}
    assert read(Length("about")) == {"item_about_length": [5, 13, None, 11]}
    assert read(Length("genres")) == {"item_genres_length": [2, 1, 0, None]}


def test_the_hour_and_the_weekday_are_of_the_moment_in_utc():
    assert read(Context("hour"), items=[0], at=3 * DAY + 15 * HOUR + 7) == {"hour": [15]}
    assert read(Context("weekday"), items=[0], at=4 * DAY) == {"weekday": [0]}, "1970-01-05 was a Monday"


def test_what_the_request_says():
    words = ["device=mobile", "device=tv", "device=car"]
    assert read(Context("device"), [0, 1], context={"device": "tv"}) == dict(
        zip(words, [[0, 0], [1, 1], [0, 0]], strict=True)
    )
    for missing in (None, {}, {"device": "fridge"}):
        assert read(Context("device"), [0], context=missing) == {word: [None] for word in words}
    assert list(read(Context("device", max_categories=2), [0])) == words[:2]


def test_the_automatic_set_has_them():
    fitted = Features.fit(replace(system(), features=System.__dataclass_fields__["features"].default), DATA)
    wanted = {
        "item_price",
        "item_released_age",
        "item_brand=p",
        "item_about_length",
        "hour",
        "weekday",
        "device=mobile",
    }
    assert wanted < set(fitted.names)
    assert "user_look_view_similarity_10e" in fitted.names


def test_they_are_kept_in_releases(tmp_path):
    declared = [
        ItemAttribute("genres", max_categories=1),
        Length("about"),
        Context("device", max_categories=2),
        Context("hour"),
    ]
    declared += [
        Share(views, by=("user", Band("price", 3))),
        Count(views, by=("item", "device"), window="7d"),
    ]
    fitted = Features.fit(system(*declared), DATA)
    fitted.save(tmp_path)
    again = Features.load(tmp_path, ITEMS, NO_USERS, NOTHING)
    assert again.names == fitted.names
    assert again.facts.contexts == CONTEXTS
    assert [type(each) for each in again.facts.definitions] == [type(each) for each in declared]


TABLE = Entity("item", Table("shop.csv"), price="price", genres="genres")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: system(Context("devise")), "no event declares the context 'devise'; did you mean 'device'"),
        (lambda: system(Count(views, by=("item", "devise"))), "did you mean 'device'"),
        (lambda: system(ItemAttribute("prise"), item=TABLE), "no attribute 'prise'; did you mean 'price'"),
        (lambda: system(Length("genre"), item=TABLE), "did you mean 'genres'"),
        (lambda: system(Share(views, by=("user", Band("prices"))), item=TABLE), "did you mean 'price'"),
        (lambda: system(Distance(views, by=("user", "prise")), item=TABLE), "did you mean 'price'"),
        (lambda: Event("view", context={"hour": "hour"}), "the context 'hour' is known from the time"),
        (lambda: Band("price", 1), "at least 2 bands"),
        (lambda: ItemAttribute("genres", max_categories=0), "max_categories must be at least 1"),
        (lambda: Context("device", max_categories=0), "max_categories must be at least 1"),
        (lambda: Similarity(views, by="user"), "by=..user., VECTOR"),
        (lambda: read(ItemAttribute("look")), "'look' is of another kind"),
        (lambda: read(Length("price")), "'price' is of another kind"),
        (lambda: read(ItemAttribute("prise")), "did you mean 'price'"),
        (
            lambda: read(Share(views, by=("user", "price"))),
            r"divides by its bands: by=\('user', Band\('price'\)\)",
        ),
        (lambda: read(Share(views, by=("user", Band("brand")))), "'brand' is of another kind"),
        (lambda: read(Distance(views, by=("user", "brand"))), "'brand' is of another kind"),
        (lambda: read(Similarity(views, by=("user", "looks"))), "did you mean 'look'"),
    ],
)
def test_missing_attributes_and_other_kinds_are_refused(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()
