"""Why this, and why not that: the request path run once more, with the state of its stages kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Mask, Positions
from shortlist.pipeline.explanation import Explanation
from shortlist.pipeline.path import arrange, hydrate, rank
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.state import Eligibility, PathState
from shortlist.rules.where import where_mask
from shortlist.system.contracts import ExplainsPredictions

CONTRIBUTIONS_TOLD = 3  # in the sentence, of each objective


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
    eligibility = Eligibility(live, where)
    ranked = pipeline.run_until(queries, n, until=rank, eligibility=eligibility)
    arranged = pipeline.run_until(queries, n, until=arrange, eligibility=eligibility)
    own = PathState(queries, n, eligibility, encoded=ranked.encoded)
    own.candidates = Candidates.given(np.zeros(len(items), np.int64), items, len(pipeline.sources))
    hydrate(pipeline, own)
    inputs, model = own.inputs, pipeline.ranker
    probabilities = np.zeros((len(items), 0), np.float32)
    contributions = None
    if inputs is not None and model is not None:
        probabilities = model.predict(inputs)
        explainer = cast(object, model)
        if isinstance(explainer, ExplainsPredictions):
            contributions = explainer.contributions(inputs)
    explanations = []
    for i, item in enumerate(items.tolist()):
        facts: dict[str, Any] = {
            "item": pipeline.items.keys[item],
            "title": pipeline.items.title(item),
            "position": _position(arranged, item),
            "position_by_value": _position(ranked, item),
            "retrieved_by": _retrieved_by(pipeline, ranked, item),
            "scores": _named([s.name for s in pipeline.sources], own.candidates.scores[i]),
            "filtered_by": _filtered_by(pipeline, queries, item, where, live),
            "probabilities": _named(pipeline.objectives, probabilities[i]) if model else {},
            "value": float(probabilities[i] @ pipeline.weights) if model else None,
            "features": _named(inputs.names, inputs.numeric[i]) if inputs is not None else {},
            "contributions": {}
            if contributions is None
            else _largest_first(pipeline.objectives, pipeline.features.names, contributions[i]),
        }
        explanations.append(Explanation(**facts, sentence=_sentence(facts, n)))
    return explanations


def _named(names: Any, values: AnyArray) -> dict[str, float | None]:
    """Values by name, NaN as None."""
    pairs = zip(names, np.asarray(values, np.float64).tolist(), strict=True)
    return {name: None if value != value else value for name, value in pairs}  # noqa: PLR0124


def _largest_first(
    objectives: tuple[str, ...], features: list[str], contributions: AnyArray
) -> dict[str, dict[str, float]]:
    """Objective to feature to log-odds, from float32[objectives, features]."""
    parts = {}
    for objective, row in zip(objectives, contributions.tolist(), strict=True):
        pairs = zip(features, row, strict=True)
        parts[objective] = dict(sorted(pairs, key=lambda pair: -abs(pair[1])))
    return parts


def _position(state: PathState, item: int) -> int | None:
    positions = np.flatnonzero(state.candidates.items == item)
    return int(positions[0]) + 1 if len(positions) else None


def _retrieved_by(pipeline: Pipeline, state: PathState, item: int) -> dict[str, int]:
    ranks = {}
    for place, retrieved in state.retrieved.items():
        at = np.flatnonzero(retrieved.items == item)
        if len(at):
            ranks[pipeline.sources[place].name] = int(at[0]) + 1
    return ranks


def _filtered_by(
    pipeline: Pipeline, queries: Queries, item: int, where: Mapping[str, Any] | None, live: Mask | None
) -> list[str]:
    reasons = []
    if live is not None and not live[item]:
        reasons.append("deleted from the catalogue")
    if where and not where_mask(where, pipeline.items)[item]:
        reasons.append("not what the request asked for")
    for each in pipeline.filters:
        shared, hidden = each.shared(), each.hidden(queries)
        if (shared is not None and not shared[item]) or (hidden is not None and item in hidden.items):
            reasons.append(each.reason)
    return reasons


def _sentence(facts: Mapping[str, Any], n: int) -> str:
    title, position, by_value = facts["title"], facts["position"], facts["position_by_value"]
    if facts["filtered_by"]:
        return f"{title} is left out: {', '.join(facts['filtered_by'])}."
    if by_value is None:
        return f"{title} is not in the slate: no source retrieved it."
    sources = ", ".join(f"{name} (its no. {place})" for name, place in facts["retrieved_by"].items())
    story = f"Retrieved by {sources}" if sources else "Filled in by popularity"
    story += f"; no. {by_value} by value"
    if position is None:
        story = f"{title} is not in the first {n}. {story}"
    else:
        story = f"{title} is no. {position}. {story}"
        if position != by_value:
            story += f", moved to {position} by the order"
    for objective, parts in facts["contributions"].items():
        largest = [f"{name} {value:+.2f}" for name, value in list(parts.items())[:CONTRIBUTIONS_TOLD]]
        story += f". {objective} {facts['probabilities'][objective]:.1%}, mostly {', '.join(largest)}"
    return story + "."
