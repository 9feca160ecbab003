"""A small evaluation with everything in it: lists of stated quality for made-up users."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.base.queries import Ragged, Retrieved
from shortlist.evaluation.evaluated_model import EvaluatedModel, Latency
from shortlist.evaluation.evaluation import Evaluation, RecallCeiling, Sizes, Slice
from shortlist.evaluation.report import SampleItem, SampleUser
from shortlist.evaluation.scoring import score
from shortlist.evaluation.select import choose
from shortlist.evaluation.summary import summary
from shortlist.evaluation.variety import variety
from shortlist.system.system import Requirements

USERS, ITEMS, LENGTH = 400, 800, 100


def lists(rng: np.random.Generator, truth: Ragged, skill: float) -> Retrieved:
    """A list per user that is random but for its liking of what is true (``skill`` 0: none)."""
    wanted = np.zeros((USERS, ITEMS))
    wanted[truth.rows, truth.items] = 1
    scores = skill * wanted + rng.gumbel(size=(USERS, ITEMS)) + np.linspace(1.5, 0, ITEMS)
    items = np.argsort(-scores, axis=1)[:, :LENGTH].astype(np.int32)
    kept = np.take_along_axis(scores, items, axis=1).astype(np.float32)
    return Retrieved(np.repeat(np.arange(USERS), LENGTH), items.ravel(), kept.ravel())


@pytest.fixture(scope="session")
def evaluation() -> Evaluation:
    """Two sources, a baseline and two rankers, evaluated as training does it."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 12, USERS)
    positives = [rng.choice(ITEMS, size, replace=False, p=_popularity()) for size in lengths]
    truth = Ragged(np.concatenate([[0], np.cumsum(lengths)]), np.concatenate(positives).astype(np.int32))
    counts = np.round(1e5 * _popularity())
    genres = pl.Series([[f"g{x}" for x in rng.choice(12, rng.integers(1, 4))] for _ in range(ITEMS)])
    all_lists = {name: lists(rng, truth, skill) for name, skill in SKILLS.items()}
    models = []
    for name, returned in all_lists.items():
        model = EvaluatedModel.of(name, KINDS.get(name, "source"), returned, truth)
        models.append(replace(model, variety=variety(returned, USERS, counts, genres)))
    facts = {
        "popular": (0.3, 0.5, 30_000, 0.1, 1, "coefficients"),
        "als": (0.8, 1.4, 1_300_000, 3.2, 5, "opaque"),
        "ease": (1.1, 2.2, 11_000_000, 1.9, 4, "opaque"),
        "logistic_regression": (2.4, 4.1, 14_000, 2.2, 1, "coefficients"),
        "catboost": (5.2, 11.0, 920_000, 21.0, 2, "trees"),
        "deep_network": (31.0, 74.0, 8_200_000, 240.0, 9, "opaque"),
    }
    for index, each in enumerate(models):
        p50, p99, size, trained, complexity, interpretability = facts[each.name]
        models[index] = replace(
            each,
            latency=Latency(p50, p99),
            size_bytes=size,
            training_seconds=trained,
            complexity=complexity,
            interpretability=interpretability,
        )
    for index in (3, 4, 5):
        probabilities = rng.beta(1, 6, 20_000)
        labels = rng.random(20_000) < probabilities ** (1 + 0.1 * (index - 3))
        scoring = {"liked": score(probabilities, labels, threshold=0.3)}
        models[index] = replace(models[index], scoring=scoring)
    merged = lists(rng, truth, 3.0)
    return Evaluation(
        system="movies",
        split="Everything after 12 March 1998 was held out: 1,240 ratings by the 400 users who rated on.",
        sizes=Sizes(943, ITEMS, 100_000, USERS),
        models=tuple(models),
        summary=summary(models, "catboost"),
        choice=choose([each for each in models if each.kind == "pipeline"], Requirements()),
        recall_ceilings=(
            *(
                RecallCeiling.of(name, all_lists[name], truth, [10, 20, 50, 100])
                for name in ("popular", "als", "ease")
            ),
            RecallCeiling.of("all together", merged, truth),
        ),
        slices=(
            Slice.of("new users", "fewer than 5 events before", models, np.arange(USERS) < 40),
            Slice.of("heavy users", "the tenth with most events", models, lengths > 10),
            Slice.of("all others", "the rest", models, (np.arange(USERS) >= 40) & (lengths <= 10)),
            Slice.of("new items", "users who chose an item under 7 days old", models, np.zeros(USERS, bool)),
        ),
        measured="Measured on 31 January 2026 on two cores.",
    )


SKILLS = {
    "popular": 1.5,
    "als": 2.2,
    "ease": 2.5,
    "logistic_regression": 2.85,
    "catboost": 3.1,
    "deep_network": 3.12,
}
KINDS = {
    "popular": "baseline",
    "logistic_regression": "pipeline",
    "catboost": "pipeline",
    "deep_network": "pipeline",
}


def _popularity() -> np.ndarray:
    weights = 1 / np.arange(1, ITEMS + 1)
    return weights / weights.sum()


@pytest.fixture(scope="session")
def samples() -> list[SampleUser]:
    """Two users; one title tries to run a script."""
    return [
        SampleUser(
            "User 196",
            (
                "Kolya (1996)",
                "Il Postino (1994)",
                "Emma (1996)",
                "The English Patient (1996)",
                "Amadeus (1984)",
            ),
            (
                SampleItem("Sense and Sensibility (1995)", "users who liked Emma liked this", True),
                SampleItem("Secrets & Lies (1996)", "similar to Kolya"),
                SampleItem("Cinema Paradiso (1988)", "popular in the last 30 days", True),
                SampleItem("<script>alert('hello')</script>", "a title that would like to be a program"),
            ),
        ),
        SampleUser(
            "User 22",
            ("Braveheart (1995)", "Star Wars (1977)"),
            (SampleItem("The Empire Strikes Back (1980)"),),
        ),
    ]
