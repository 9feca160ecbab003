"""Films for users, from their ratings."""

import polars as pl

from shortlist import (
    ALS,
    EASE,
    AlreadySeen,
    CatBoost,
    Diversity,
    Entity,
    Event,
    ItemKNN,
    LogisticRegression,
    Number,
    Objective,
    Popular,
    Requirements,
    Sample,
    System,
    Tags,
)

ratings = Event(
    "rating",
    Sample("movielens-100k", "ratings.csv"),
    user="user_id",
    item="movie_id",
    at="timestamp",
    value="rating",
    value_range=(0.5, 5),
)

system = System(
    name="movies",
    user=Entity("user_id"),
    item=Entity(
        "movie_id",
        Sample("movielens-100k", "movies.csv"),
        title="title",
        genres=Tags("genres"),
        year=Number("year"),
    ),
    events=[ratings],
    objectives=[
        Objective("watched", ratings),
        Objective("liked", ratings, pl.col("value") >= 4, weight=0.5),
    ],
    sources=[
        EASE(),
        ItemKNN(),
        ItemKNN(name="what_next", window=5, half_life=2, history=10),
        ALS(),
        Popular(window="30d"),
    ],
    rankers=[LogisticRegression(), CatBoost()],
    filters=[AlreadySeen()],
    order=[Diversity(by="genres", strength=0.1)],
    requirements=Requirements(daily_active_users=1_000_000, latency_ms=100),
)
