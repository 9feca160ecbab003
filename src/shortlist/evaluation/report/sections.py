"""The sections on lists and on how they were measured. A section without data is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.names import NAMES, parse, title
from shortlist.evaluation.report.figures import count, milliseconds, share, spread
from shortlist.evaluation.report.markup import Node, h
from shortlist.evaluation.report.pieces import beside, legend, named, note, section, table
from shortlist.evaluation.report.plots import Track, curves, forest

QUERIES = {  # what an evaluation is over
    "recommendation": "users with positives after the split",
    "search": "held-out pictures with matches",
    "prediction": "held-out rows",
}


def headline(evaluation: Evaluation) -> Node:
    """The result in a sentence, and the key figures."""
    tiles = [
        h("div", h("dt", name), h("dd", h("b", value), h("span", note)))
        for name, value, note in _tiles(evaluation)
    ]
    eyebrow = h("p", h("b", evaluation.system), " · evaluation", class_="eyebrow")
    return h("header", eyebrow, h("h1", evaluation.summary), h("dl", tiles))


def _tiles(evaluation: Evaluation) -> Iterable[tuple[str, str, str]]:
    """Name, value and note of each key figure."""
    leader = evaluation.leader
    metric = evaluation.metric
    quality = leader.metrics[metric]
    yield f"{title(metric)} of {leader.name}", share(quality.mean), f"95% interval {spread(quality)}"
    for baseline in evaluation.models:
        other = baseline.metrics[metric].mean
        if baseline.kind == "baseline" and baseline is not leader and other > 0:
            yield f"Against {baseline.name}", f"{quality.mean / other:.2g}×", f"which has {share(other)}"
    if evaluation.recall_ceilings:
        widest = max(evaluation.recall_ceilings, key=lambda each: each.recall[-1].mean)
        candidates = f"{widest.sizes[-1]:.0f} candidates"
        yield (
            "Recall ceiling",
            f"{widest.recall[-1].mean:.0%}",
            f"of positives are retrieved, in {candidates}",
        )
    if leader.latency:
        budget = f", of {milliseconds(evaluation.choice.budget_ms)} allowed" if evaluation.choice else ""
        yield "Latency, p99", milliseconds(leader.latency.p99_ms), f"in this process{budget}"
    yield "Evaluated on", count(evaluation.sizes.test_queries), QUERIES[evaluation.task]


def quality(evaluation: Evaluation) -> Node:
    """Every model's headline metric."""
    ranked, metric = evaluation.ranked(), evaluation.metric
    leader, written = evaluation.leader, title(metric)
    tracks = [
        Track(each.name, [(each.kind, each.metrics[metric])], each.name == evaluation.chosen)
        for each in ranked
    ]
    plot = forest("quality", f"{written} of each model", written, tracks, band=leader.metrics[metric])
    names = _names(ranked)
    predicts = evaluation.task == "prediction"
    lead = (
        "Each model predicts what happened in rows that it was not fitted on."
        if predicts
        else "Each list is compared with what the same query's user went on to choose."
    )
    return section(
        "Quality of predictions" if predicts else "Quality of recommendations",
        f"{lead} {written} is {NAMES[parse(metric)[0]].meaning}.",
        beside(
            h("figure", plot, legend(ranked)),
            note(
                "The line through a mark is its 95% confidence interval; the shaded "
                f"band is that of {leader.name}. Models with overlapping intervals can still differ significantly, "
                f"since all are evaluated on the same {'rows' if predicts else 'users'}."
            ),
        ),
        table(
            ["", *map(title, names)],
            [[named(each, evaluation), *(_figure(each, name) for name in names)] for each in ranked],
        ),
    )


def retrieval(evaluation: Evaluation) -> Node | None:
    """The share of positives among the candidates."""
    ceilings = evaluation.recall_ceilings
    if not ceilings:
        return None
    heading = "Recall of retrieval by number of candidates"
    some = [each for each in ceilings if each.sizes[-1] > 0]  # a source may retrieve nothing at all
    if any(len(each.sizes) > 1 for each in some):
        plot = curves("ceiling", heading, some)
    else:
        tracks = [Track(each.name, [("source", each.recall[-1])]) for each in ceilings]
        plot = forest("ceiling", heading, "recall", tracks)
    rows = [
        [each.name, f"{each.sizes[-1]:.0f}", share(each.recall[-1].mean), spread(each.recall[-1])]
        for each in ceilings
    ]
    return section(
        "Recall ceiling of retrieval",
        "A ranker orders what the sources retrieve: its recall cannot exceed theirs.",
        beside(h("figure", plot), table(["", "Candidates", "Recall", "95% interval"], rows)),
    )


def method(evaluation: Evaluation) -> Node:
    """The split, the amounts of data, the metrics, and the limits of all this."""
    sizes = evaluation.sizes
    words = dict.fromkeys(parse(name)[0] for name in _names(evaluation.models))
    predicts = evaluation.task == "prediction"
    amounts = [f"{count(sizes.items)} items"]
    if sizes.events:
        amounts = [f"{count(sizes.events)} events", f"{count(sizes.users)} users", *amounts]
    lists = "" if predicts else " Lists are drawn from the full catalogue."
    limits = (
        "Read these figures with care. They are of the past, or of items like those that were labelled; on others a "
        "model may do worse."
        if predicts
        else "Read these figures with care. They replay the past: an item that a user would have chosen but never saw "
        "counts as a miss, and items that were popular or shown at the time have an advantage. They compare "
        "models well; the effect on users takes an online experiment."
    )
    return section(
        "Method",
        f"{evaluation.split[:1].upper()}{evaluation.split[1:]}.".replace("..", "."),
        h(
            "p",
            f"{', '.join(amounts)}; evaluated on {count(sizes.test_queries)} {QUERIES[evaluation.task]}.{lists} "
            f"{evaluation.measured}",
        ),
        h(
            "dl",
            [h("div", h("dt", NAMES[word].title), h("dd", f"{NAMES[word].meaning}.")) for word in words],
            class_="glossary",
        ),
        note(limits),
    )


def _names(models: Sequence[EvaluatedModel]) -> list[str]:
    """Every metric that some model has, in the order of the first."""
    return list(dict.fromkeys(name for each in models for name in [*each.metrics, *each.variety]))


def _figure(model: EvaluatedModel, name: str) -> str:
    interval = model.metrics.get(name)
    return share(interval.mean if interval else model.variety.get(name))
