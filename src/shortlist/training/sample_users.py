"""A few users of an evaluation: what they did, and what they would have been shown."""

from __future__ import annotations

import numpy as np

from shortlist.base.threads import one_thread
from shortlist.evaluation.report.sample_users import SampleItem, SampleUser
from shortlist.training.trial import Trial

USERS = 4
HISTORY = 8  # newest events of a user that are shown
SLATE = 10


def sample_users(trial: Trial) -> list[SampleUser]:
    """Users whom the chosen pipeline serves badly, fairly, well and very well, by the headline metric.

    None where nothing is returned to users: in a prediction.
    """
    choice, evaluated_on, task = trial.evaluation.choice, trial.evaluation_set, trial.task
    if choice is None or evaluated_on is None or task is None:
        return []
    chosen = next(each for each in trial.evaluation.models if each.name == choice.name)
    quality = chosen.values[trial.evaluation.metric]
    ranked = np.argsort(np.nan_to_num(quality), kind="stable")
    rows = ranked[np.linspace(0, len(ranked) - 1, min(USERS, len(ranked)) + 2)[1:-1].astype(int)]
    pipeline = trial.trained.rankers.get(choice.name, trial.trained.retrieval)
    queries = evaluated_on.queries.take(rows)
    with one_thread():
        slates = pipeline.recommend(queries, SLATE)
    title = pipeline.items.title
    users = []
    for index, row in enumerate(rows.tolist()):
        positives = set(evaluated_on.truth.take(np.array([row])).items.tolist())
        newest = queries.histories.take(np.array([index])).last(HISTORY).items[::-1]
        slate = slates.row(index)
        shown = [
            SampleItem(
                title(item), f"because of {title(reason)}" if reason >= 0 else "popular", item in positives
            )
            for item, reason in zip(slate.items.tolist(), slate.because.tolist(), strict=True)
        ]
        name = task.name(int(evaluated_on.rows[row]))
        users.append(SampleUser(name, tuple(title(item) for item in newest.tolist()), tuple(shown)))
    return users
