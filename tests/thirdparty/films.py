"""A System whose source, ranker, filter, order and some features come from another package."""

import polars as pl
from shortlist_extras import MaxPer, NaiveBayes, Released, Repeats, SharedWords

from shortlist import (
    AlreadySeen,
    Automatic,
    Category,
    Entity,
    Event,
    Objective,
    Popular,
    System,
    Table,
    Tags,
    Time,
)

views = Event("view", Table("views.csv"), user="user", item="item", at="at", value="stars")

system = System(
    name="films",
    user=Entity("user"),
    item=Entity(
        "item",
        Table("items.csv"),
        title="title",
        colours=Tags("colours", "|"),
        brand=Category("brand"),
        released=Time("released"),
    ),
    events=[views],
    objectives=[Objective("liked", views, pl.col("value") >= 3)],
    sources=[SharedWords(on="colours", quota=20), Popular(quota=20)],
    rankers=[NaiveBayes()],
    features=[Automatic(), Repeats(views), Repeats(views, by="item", window="7d")],
    filters=[AlreadySeen(), Released()],
    order=[MaxPer(by="brand", count=2)],
)
