"""Systems that several benchmarks declare, in names of the package's root alone, so that any tree can run them."""

from __future__ import annotations

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
    Ranker,
    System,
    Table,
    Tags,
    Year,
)


def world_system(*, quick: bool = False) -> System:
    """Four sources, two rankers, a filter and diversity over the tables of the synthetic world."""
    views = Event("view", Table("views"), user="user_id", item="item_id", at="at")
    return System(
        name="world",
        user=Entity("user_id"),
        item=Entity("item_id", Table("items"), category="category", tags=Tags("tags"), price=Number("price")),
        events=[views],
        objectives=[Objective("viewed", views)],
        sources=[EASE(max_items=4000), ItemKNN(), ALS(epochs=4), Popular(window="7d")],
        rankers=_rankers(quick),
        filters=[AlreadySeen()],
        order=[Diversity(by="category", strength=0.1)],
    )


def movielens_system(data: str, *, quick: bool = False) -> System:
    """Five sources (quick: two) and two rankers over ``movielens-100k`` or ``-small``; every rating is a positive."""
    full = data == "movielens-100k"
    user, item = ("user_id", "movie_id") if full else ("userId", "movieId")
    ratings = Event("rating", Table("ratings.csv"), user=user, item=item, at="timestamp", value="rating")
    year = Number("year") if full else Year("title")
    sequential = ItemKNN(name="what_next", window=5, half_life=2, history=10)
    recent = Popular(window="30d")
    return System(
        name=data,
        user=Entity(user),
        item=Entity(item, Table("movies.csv"), title="title", genres=Tags("genres"), year=year),
        events=[ratings],
        objectives=[Objective("rated", ratings)],
        sources=[EASE(), recent] if quick else [EASE(), ItemKNN(), sequential, ALS(), recent],
        rankers=_rankers(quick),
        filters=[AlreadySeen()],
    )


def _rankers(quick: bool) -> list[Ranker]:
    return [LogisticRegression(), CatBoost(epochs=50) if quick else CatBoost()]
