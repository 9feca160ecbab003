"""The sections on users: quality by slice, and what some users would be shown."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.names import title
from shortlist.evaluation.report.figures import NOTHING, count, share
from shortlist.evaluation.report.markup import Content, Node, h
from shortlist.evaluation.report.pieces import beside, legend, note, section, table
from shortlist.evaluation.report.plots import Track, forest
from shortlist.evaluation.report.sample_users import SampleItem, SampleUser


def slices(evaluation: Evaluation) -> Node | None:
    """The headline metric by slice."""
    filled = [each for each in evaluation.slices if each.metrics]
    if not filled:
        return None
    compared, written = evaluation.compared, title(evaluation.metric)
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
        "Quality by slice",
        f"{written} for subsets of users and items. Smaller slices have wider intervals.",
        beside(
            h("figure", plot, legend(compared, by_name=True)),
            note(
                "Compare models within a slice, not slices with each other: slices differ in how many positives "
                "there are, and so in how hard they are."
            ),
        ),
        table(["", "Users", *(each.name for each in compared)], rows),
    )


def samples(users: Sequence[SampleUser]) -> Node | None:
    """Some users and their slates."""
    if not users:
        return None
    return section(
        "Sample users",
        "What they chose before, newest first, and what they would be shown. A tick marks what they went on to "
        "choose.",
        h("div", [_user(each) for each in users], class_="users"),
    )


def _user(user: SampleUser) -> Node:
    return h(
        "article",
        h("h3", user.name),
        [h("h4", "chose before"), h("ul", [h("li", each) for each in user.history], class_="history")]
        if user.history
        else None,
        h("h4", "would be shown"),
        h("ol", [_item(each) for each in user.slate]),
    )


def _item(item: SampleItem) -> Node:
    tick = h("b", " ✓", role="img", aria_label="chosen", class_="chosen") if item.chosen else None
    return h("li", h("span", item.title, tick), h("small", item.reason) if item.reason else None)
