"""Why this, and why not that: the request path run once more, with its work left on the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Mask, Positions
from shortlist.pipeline.explanation import Explanation
from shortlist.pipeline.path import PathState, Pipeline, arrange, hydrate, rank
from shortlist.rules.where import where_mask
from shortlist.system.contracts import ExplainsPredictions

TOLD = 3  # contributions named in the sentence


def explain(
    pipeline: Pipeline,
    queries: Queries,
    items: Positions,
    n: int = 20,
    *,
    where: Mapping[str, Any] | None = None,
    live: Mask | None = None,
) -> list[Explanation]:
    """What the path knows about each of ``items`` for the one query in ``queries`` and a slate of ``n``.

    Works for any item: what was never retrieved or was dropped is scored all the same.
    """
    shared = pipeline.shared(where, live)
    ranked = pipeline.run_until(queries, n, until=rank, shared=shared)
    arranged = pipeline.run_until(queries, n, until=arrange, shared=shared)
    own = PathState(queries, n, shared, encoded=ranked.encoded)
    found = np.zeros((len(items), len(pipeline.sources)), bool)
    own.candidates = Candidates(np.zeros(len(items), np.int64), items, found.astype(np.float32), found)
    hydrate(pipeline, own)
    model = pipeline.ranker
    inputs, explainer = own.inputs, cast(object, model)
    if model is not None and inputs is not None:
        probabilities = model.predict(inputs)
    else:
        probabilities = np.zeros((len(items), 0), np.float32)
    contributions = (
        explainer.contributions(inputs)
        if inputs is not None and isinstance(explainer, ExplainsPredictions)
        else None
    )
    explanations = []
    for i, item in enumerate(items.tolist()):
        parts = {}
        if contributions is not None:
            for o, objective in enumerate(pipeline.objectives):
                pairs = zip(pipeline.features.names, contributions[i, o].tolist(), strict=True)
                parts[objective] = dict(sorted(pairs, key=lambda pair: -abs(pair[1])))
        facts = {
            "item": pipeline.items.keys[item],
            "title": pipeline.items.title(item),
            "place": _place(arranged, item),
            "ranked": _place(ranked, item),
            "found": _found(pipeline, ranked, item),
            "scores": _named([s.name for s in pipeline.sources], own.candidates.scores[i]),
            "dropped": _dropped(pipeline, queries, item, where, live),
            "probabilities": _named(pipeline.objectives, probabilities[i]) if model else {},
            "value": float(probabilities[i] @ pipeline.weights) if model else None,
            "features": _named(inputs.names, inputs.numeric[i]) if inputs is not None else {},
            "contributions": parts,
        }
        explanations.append(Explanation(**facts, sentence=_sentence(facts, n)))
    return explanations


def _named(names: Any, values: Any) -> dict[str, Any]:
    """Values by name, NaN as None."""
    pairs = zip(names, np.asarray(values, np.float64).tolist(), strict=True)
    return {name: None if value != value else value for name, value in pairs}  # noqa: PLR0124


def _place(state: PathState, item: int) -> int | None:
    places = np.flatnonzero(state.candidates.items == item)
    return int(places[0]) + 1 if len(places) else None


def _found(pipeline: Pipeline, state: PathState, item: int) -> dict[str, int]:
    ranks = {}
    for place, found in state.retrieved.items():
        at = np.flatnonzero(found.items == item)
        if len(at):
            ranks[pipeline.sources[place].name] = int(at[0]) + 1
    return ranks


def _dropped(
    pipeline: Pipeline, queries: Queries, item: int, where: Mapping[str, Any] | None, live: Mask | None
) -> list[str]:
    reasons = []
    if live is not None and not live[item]:
        reasons.append("not in the catalogue any more")
    if where and not where_mask(where, pipeline.items)[item]:
        reasons.append("not what the request asked for")
    for each in pipeline.filters:
        shared, hidden = each.shared(), each.hidden(queries)
        if (shared is not None and not shared[item]) or (hidden is not None and item in hidden.items):
            reasons.append(each.reason)
    return reasons


def _sentence(facts: Mapping[str, Any], n: int) -> str:
    title, found = facts["title"], facts["found"]
    if facts["dropped"]:
        return f"{title} is left out: {', '.join(facts['dropped'])}."
    if facts["ranked"] is None:
        return f"{title} is not in the slate: no source found it among its best."
    by = (
        ", ".join(f"{name} (its no. {rank_})" for name, rank_ in found.items())
        or "nobody; it fills up by popularity"
    )
    story = f"Found by {by}; "
    story += f"place {facts['ranked']} by value"
    if facts["place"] is None:
        story = f"{title} is not in the first {n}. " + story
    elif facts["place"] != facts["ranked"]:
        story = f"{title} is no. {facts['place']}. " + story + f", moved to {facts['place']} by the order"
    else:
        story = f"{title} is no. {facts['place']}. " + story
    for objective, parts in facts["contributions"].items():
        most = ", ".join(f"{name} {value:+.2f}" for name, value in list(parts.items())[:TOLD])
        story += f". {objective} {facts['probabilities'][objective]:.1%}, mostly {most}"
    return story + "."
