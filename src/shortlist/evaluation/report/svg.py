"""What every plot is drawn with: a frame with a title and a description, scales, axes, marks and labels.

Plots are `WIDTH` units wide, about a phone's width, so that their letters stay readable everywhere. Colours
and fonts come from the page's style sheet, by class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shortlist.evaluation.report.markup import Content, Node, h

WIDTH = 460.0


@dataclass(frozen=True)
class Scale:
    """Maps values from ``low`` to ``high`` to lengths from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where ``value`` lies."""
        low, high, at = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values in the range, about four to seven."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            digits = (1, 2, 5) if self.high < 300 * self.low else (1,)
            values = [digit * 10.0**power for power in powers for digit in digits]
        else:
            step = round_up((self.high - self.low) / 6)
            steps = range(math.floor(self.low / step), math.ceil(self.high / step) + 1)
            values = [step * index for index in steps]
        slack = 1e-9 * (self.high - self.low)
        return [value for value in values if self.low - slack <= value <= self.high + slack]


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= value * (1 - 1e-9))


def frame(
    name: str, title: str, description: str, height: float, *content: Content, width: float = WIDTH
) -> Node:
    """A plot. ``title`` and ``description`` are read out to those who cannot see it."""
    return h(
        "svg",
        h("title", title, id=f"{name}-title"),
        h("desc", description, id=f"{name}-desc"),
        content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def text(content: str, x: float, y: float, *, anchor: str = "start", style: str = "") -> Node:
    """One line of text; ``anchor`` is start, middle or end, ``style`` classes."""
    return h("text", content, x=x, y=y, text_anchor=anchor, class_=style or None)


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Node:
    """A straight line."""
    return h("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style)


def path(points: Iterable[tuple[float, float]], style: str) -> Node:
    """A line through ``points``."""
    return h("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), class_=style)


def mark(kind: str, x: float, y: float, style: str = "", size: float = 5) -> Node:
    """A mark whose shape shows the kind even without colour: diamond, circle or square."""
    classes = f"mark {kind} {style}".rstrip()
    if kind == "pipeline":
        far = size * 1.35
        corners = [(x, y - far), (x + far, y), (x, y + far), (x - far, y)]
        return h("polygon", points=" ".join(f"{cx:.1f},{cy:.1f}" for cx, cy in corners), class_=classes)
    if kind == "baseline":
        return h(
            "rect", x=x - size * 0.9, y=y - size * 0.9, width=size * 1.8, height=size * 1.8, class_=classes
        )
    return h("circle", cx=x, cy=y, r=size, class_=classes)


def icon(kind: str) -> Node:
    """A mark by itself, for a legend."""
    return h(
        "svg", mark(kind, 8, 8), xmlns="http://www.w3.org/2000/svg", viewBox="0 0 16 16", aria_hidden="true"
    )


def axis_below(scale: Scale, top: float, bottom: float, title: str) -> list[Node]:
    """Grid lines from ``top`` to ``bottom``, numbers under them, and what they count."""
    middle = (scale.start + scale.end) / 2
    return [
        *(line(scale(tick), top, scale(tick), bottom, "grid") for tick in scale.ticks()),
        *(
            text(f"{tick:g}", scale(tick), bottom + 16, anchor="middle", style="tick")
            for tick in scale.ticks()
        ),
        text(title, middle, bottom + 34, anchor="middle", style="axis"),
    ]


def axis_left(scale: Scale, left: float, right: float, title: str) -> list[Node]:
    """Grid lines from ``left`` to ``right``, numbers before them, and what they count above."""
    return [
        *(line(left, scale(tick), right, scale(tick), "grid") for tick in scale.ticks()),
        *(text(f"{tick:g}", left - 7, scale(tick) + 4, anchor="end", style="tick") for tick in scale.ticks()),
        text(title, 0, scale.end - 12, style="axis"),
    ]


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """``places`` moved as little as needed to lie ``gap`` apart, in their order, within ``low`` to ``high``."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [min(max(place, low), high) for place in places]
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    limit = high
    for index in reversed(order):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved
