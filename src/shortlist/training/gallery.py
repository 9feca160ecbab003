"""A few people of an evaluation, what they did and what they would have been shown."""

from __future__ import annotations

import numpy as np

from shortlist.base.threads import one_thread
from shortlist.evaluation.report.gallery import Person, Shown
from shortlist.training.evaluate import Trial

PEOPLE = 4
HISTORY = 8  # newest events of a person that are shown
SLATE = 10


def gallery(trial: Trial) -> list[Person]:
    """People for whom the chosen pipeline did badly, fairly, well and very well, by the headline metric."""
    choice = trial.evaluation.choice
    assert choice is not None
    chosen = next(each for each in trial.evaluation.models if each.name == choice.name)
    quality = next(iter(chosen.values.values()))
    ranked = np.argsort(np.nan_to_num(quality), kind="stable")
    rows = ranked[np.linspace(0, len(ranked) - 1, min(PEOPLE, len(ranked)) + 2)[1:-1].astype(int)]
    pipeline = trial.trained.rankers.get(choice.name, trial.trained.retrieval)
    queries = trial.evaluation_set.queries.take(rows)
    with one_thread():
        slates = pipeline.recommend(queries, SLATE)
    title = pipeline.items.title
    people = []
    for place, row in enumerate(rows.tolist()):
        truth = set(trial.evaluation_set.truth.take(np.array([row])).items.tolist())
        newest = queries.histories.take(np.array([place])).last(HISTORY).items[::-1]
        slate = slates.row(place)
        shown = [
            Shown(title(item), f"because of {title(reason)}" if reason >= 0 else "popular", item in truth)
            for item, reason in zip(slate.items.tolist(), slate.because.tolist(), strict=True)
        ]
        name = trial.task.name(int(trial.evaluation_set.askers[row]))
        people.append(Person(name, tuple(title(item) for item in newest.tolist()), tuple(shown)))
    return people
