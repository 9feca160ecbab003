"""What sections are made of: headings, plots with something beside them, tables, legends."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.report.markup import Content, Node, h
from shortlist.evaluation.report.svg import icon

KINDS = {"baseline": "baseline", "source": "source alone", "pipeline": "whole pipeline"}


def section(heading: str, lead: str, *content: Content) -> Node:
    """A section with its first sentence."""
    return h("section", h("h2", heading), h("p", lead, class_="lead"), content)


def beside(*parts: Content) -> Node:
    """Parts next to each other, or below each other on small screens."""
    return h("div", parts, class_="beside")


def note(content: str) -> Node:
    """An explanation in small print."""
    return h("p", content, class_="note")


def table(columns: Sequence[str], rows: Sequence[Sequence[Content]]) -> Node:
    """A table that scrolls by itself where it is wider than the screen; a row's first cell names it."""
    head = h("thead", h("tr", [h("th", column, scope="col") for column in columns]))
    body = [h("tr", h("th", row[0], scope="row"), [h("td", cell) for cell in row[1:]]) for row in rows]
    return h(
        "div",
        h("table", head, h("tbody", body)),
        class_="scroll",
        tabindex="0",
        role="group",
        aria_label="table",
    )


def named(model: EvaluatedModel, evaluation: Evaluation) -> Node:
    """A model's name, marked where it serves."""
    serves = h("mark", "serves") if model.name == evaluation.chosen else None
    return h("span", model.name, serves)


def legend(models: Sequence[EvaluatedModel], *, by_name: bool = False) -> Node:
    """What the marks stand for: kinds, or the models themselves."""
    words = {each.kind: each.name if by_name else KINDS[each.kind] for each in models}
    marks = [h("span", icon(kind), word) for kind, word in words.items()]
    return h("figcaption", marks, class_="legend")
