"""The sections on lists and on how they were measured. A section without data is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.names import HEADLINE, NAMES, parse, title
from shortlist.evaluation.report.figures import count, milliseconds, share, spread
from shortlist.evaluation.report.markup import Node, h
from shortlist.evaluation.report.pieces import beside, legend, named, note, section, table
from shortlist.evaluation.report.plots import Track, curves, forest


def headline(evaluation: Evaluation) -> Node:
    """The verdict and the figures that matter most."""
    tiles = [
        h("div", h("dt", name), h("dd", h("b", value), h("span", note)))
        for name, value, note in _tiles(evaluation)
    ]
    eyebrow = h("p", h("b", evaluation.system), " · evaluation", class_="eyebrow")
    return h("header", eyebrow, h("h1", evaluation.verdict), h("dl", tiles))


def _tiles(evaluation: Evaluation) -> Iterable[tuple[str, str, str]]:
    """Name, value and note of each key figure."""
    leader = evaluation.leader
    quality = leader.metrics[HEADLINE]
    yield f"{title(HEADLINE)} of {leader.name}", share(quality.mean), f"95% interval {spread(quality)}"
    for baseline in evaluation.models:
        other = baseline.metrics[HEADLINE].mean
        if baseline.kind == "baseline" and baseline is not leader and other > 0:
            yield f"Against {baseline.name}", f"{quality.mean / other:.2g}×", f"which reaches {share(other)}"
    if evaluation.ceilings:
        widest = max(evaluation.ceilings, key=lambda each: each.recall[-1].mean)
        candidates = f"{widest.sizes[-1]:.0f} candidates"
        yield "Retrieved", f"{widest.recall[-1].mean:.0%}", f"of what people chose, in {candidates}"
    if leader.latency:
        budget = f", of {milliseconds(evaluation.choice.budget_ms)} allowed" if evaluation.choice else ""
        yield "Answer time", milliseconds(leader.latency.p99_ms), f"99 in 100 are faster{budget}"
    yield "Tested on", count(evaluation.sizes.test_users), "people with something to find"


def quality(evaluation: Evaluation) -> Node:
    """Every model's lists against what people chose."""
    ranked = sorted(evaluation.models, key=lambda each: -each.metrics[HEADLINE].mean)
    leader, written = evaluation.leader, title(HEADLINE)
    tracks = [
        Track(each.name, [(each.kind, each.metrics[HEADLINE])], each.name == evaluation.chosen)
        for each in ranked
    ]
    plot = forest("quality", f"{written} of each model", written, tracks, band=leader.metrics[HEADLINE])
    names = _names(ranked)
    return section(
        "Who finds what people chose next",
        "Each list is held against what the same person went on to choose. "
        f"{written} says {NAMES[parse(HEADLINE)[0]].meaning}.",
        beside(
            h("figure", plot, legend(ranked)),
            note(
                "The line through a mark is the range that holds the true mean 95 times in 100; the shaded "
                f"band is that of {leader.name}. Ranges that overlap a little can still differ for sure, "
                "because every model was tried on the same people."
            ),
        ),
        table(
            ["", *map(title, names)],
            [[named(each, evaluation), *(_figure(each, name) for name in names)] for each in ranked],
        ),
    )


def retrieval(evaluation: Evaluation) -> Node | None:
    """How much of the truth is among the candidates at all."""
    ceilings = evaluation.ceilings
    if not ceilings:
        return None
    heading = "Recall of retrieval by number of candidates"
    if any(len(each.sizes) > 1 for each in ceilings):
        plot = curves("ceiling", heading, ceilings)
    else:
        tracks = [Track(each.name, [("source", each.recall[-1])]) for each in ceilings]
        plot = forest("ceiling", heading, "recall", tracks)
    rows = [
        [each.name, f"{each.sizes[-1]:.0f}", share(each.recall[-1].mean), spread(each.recall[-1])]
        for each in ceilings
    ]
    return section(
        "What retrieval leaves within reach",
        "A ranker can only choose among what the sources bring: their recall is its ceiling.",
        beside(h("figure", plot), table(["", "Candidates", "Recall", "95% interval"], rows)),
    )


def method(evaluation: Evaluation) -> Node:
    """How all this was measured, what the words mean, and what it does not say."""
    sizes = evaluation.sizes
    words = dict.fromkeys(parse(name)[0] for name in _names(evaluation.models))
    return section(
        "How this was measured",
        evaluation.split,
        h(
            "p",
            f"{count(sizes.events)} events of {count(sizes.users)} users on {count(sizes.items)} items; "
            f"{count(sizes.test_users)} users had something to be found. Every list was drawn from the full "
            f"catalogue. {evaluation.measured}",
        ),
        h(
            "dl",
            [h("div", h("dt", NAMES[word].title), h("dd", f"{NAMES[word].meaning}.")) for word in words],
            class_="glossary",
        ),
        note(
            "Read these figures with care. They replay the past: something a person would have loved but "
            "never met counts as a miss, and what was popular or shown at the time has an advantage. They "
            "compare models well; how much happier people get, only a test with people can tell."
        ),
    )


def _names(models: Sequence[EvaluatedModel]) -> list[str]:
    """Every metric that some model has, in the order of the first."""
    return list(dict.fromkeys(name for each in models for name in [*each.metrics, *each.variety]))


def _figure(model: EvaluatedModel, name: str) -> str:
    found = model.metrics.get(name)
    return share(found.mean if found else model.variety.get(name))
