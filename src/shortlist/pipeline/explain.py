"""Why this, and why not that: the request path run once more, with the state of its stages kept."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
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

SENTENCE_CONTRIBUTIONS = 3  # features that the sentence names for each objective


def explain(
    pipeline: Pipeline,
    queries: Queries,
    items: Positions,
    n: int = 20,
    *,
    where: Mapping[str, Any] | None = None,
    live: Mask | None = None,
) -> list[Explanation]:
    """How each of ``items`` fares on the path, for the one query in ``queries`` and a slate of ``n``.

    Works for any item: one that was not retrieved, or was dropped, is scored all the same. Without sources there is
    no slate, and the explanation is of the prediction alone.
    """
    eligibility = Eligibility(live, where)
    ranked = arranged = PathState(queries, n, eligibility)
    if pipeline.sources:
        ranked = pipeline.run_until(queries, n, until=rank, eligibility=eligibility)
        arranged = copy(ranked)  # stages put new arrays in place of the old ones
        arrange(pipeline, arranged)
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
        explanations.append(Explanation(**facts, sentence=_sentence(pipeline, facts, n)))
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
    for index, retrieved in state.retrieved.items():
        at = np.flatnonzero(retrieved.items == item)
        if len(at):
            ranks[pipeline.sources[index].name] = int(at[0]) + 1
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


def _sentence(pipeline: Pipeline, facts: Mapping[str, Any], n: int) -> str:
    title = facts["title"]
    if facts["filtered_by"]:
        return f"{title} is left out: {', '.join(facts['filtered_by'])}."
    if not pipeline.sources:
        story = f"{title} is in no slate, since this System has no sources"
    elif facts["position_by_value"] is None:
        return f"{title} is not in the slate: no source retrieved it."
    else:
        story = _way(title, facts, n)
    for objective, parts in facts["contributions"].items():
        largest = [f"{name} {value:+.2f}" for name, value in list(parts.items())[:SENTENCE_CONTRIBUTIONS]]
        story += f". {objective} {facts['probabilities'][objective]:.1%}, mostly {', '.join(largest)}"
    return story + "."


def _way(title: str, facts: Mapping[str, Any], n: int) -> str:
    """Where the item is in the slate, and how it came there."""
    position, by_value = facts["position"], facts["position_by_value"]
    sources = ", ".join(f"{name} (its no. {rank})" for name, rank in facts["retrieved_by"].items())
    story = f"Retrieved by {sources}" if sources else "Filled in by popularity"
    story += f"; no. {by_value} by value"
    if position is None:
        return f"{title} is not in the first {n}. {story}"
    moved = f", moved to {position} by the order" if position != by_value else ""
    return f"{title} is no. {position}. {story}{moved}"
