"""The sections on people: whether it works for everybody, and what some of them would be shown."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.names import HEADLINE, title
from shortlist.evaluation.report.figures import NOTHING, count, share
from shortlist.evaluation.report.gallery import Person, Shown
from shortlist.evaluation.report.markup import Content, Node, h
from shortlist.evaluation.report.pieces import beside, legend, note, section, table
from shortlist.evaluation.report.plots import Track, forest


def slices(evaluation: Evaluation) -> Node | None:
    """Whether it works for everybody."""
    filled = [each for each in evaluation.slices if each.metrics]
    if not filled:
        return None
    compared, written = evaluation.compared, title(HEADLINE)
    tracks = [
        Track(
            each.name,
            [(other.kind, each.metrics[other.name]) for other in compared if other.name in each.metrics],
        )
        for each in filled
    ]
    rows: list[list[Content]] = [
        [
            h("span", each.name, h("small", each.meaning)),
            count(each.users),
            *(
                share(each.metrics[other.name].mean) if other.name in each.metrics else NOTHING
                for other in compared
            ),
        ]
        for each in evaluation.slices
    ]
    plot = forest("slices", f"{written} by slice", written, tracks)
    return section(
        "For whom it works",
        f"{written} for some of the people. Fewer people, wider ranges.",
        beside(
            h("figure", plot, legend(compared, by_name=True)),
            note(
                "Compare the models within a slice. Slices differ in how much there is to be found, so a "
                "lower figure for one slice than for another need not mean that its people are served worse."
            ),
        ),
        table(["", "People", *(each.name for each in compared)], rows),
    )


def gallery(people: Sequence[Person]) -> Node | None:
    """Some people and their slates."""
    if not people:
        return None
    return section(
        "A few people",
        "What they chose before, newest first, and what they would be shown. A tick marks what they did go "
        "on to choose.",
        h("div", [_person(each) for each in people], class_="people"),
    )


def _person(person: Person) -> Node:
    return h(
        "article",
        h("h3", person.name),
        h("h4", "chose before"),
        h("ul", [h("li", each) for each in person.history], class_="history"),
        h("h4", "would be shown"),
        h("ol", [_shown(each) for each in person.slate]),
    )


def _shown(shown: Shown) -> Node:
    tick = h("b", " ✓", role="img", aria_label="chosen", class_="chosen") if shown.chosen else None
    return h("li", h("span", shown.title, tick), h("small", shown.reason) if shown.reason else None)
