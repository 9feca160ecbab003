"""The four kinds of picture in a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shortlist.evaluation.bootstrap import Interval
from shortlist.evaluation.evaluation import RecallCeiling
from shortlist.evaluation.report.figures import milliseconds, share, spread
from shortlist.evaluation.report.markup import Content, Node
from shortlist.evaluation.report.svg import (
    WIDTH,
    Scale,
    apart,
    axis_below,
    axis_left,
    frame,
    line,
    mark,
    path,
    round_up,
    text,
)
from shortlist.evaluation.scoring import Scoring

ROW = 40.0  # height of a track
LETTER = 7.2  # width of a letter in a label, roughly


@dataclass(frozen=True)
class Track:
    """One row of a forest plot: a label and one or more intervals, each with the kind of its mark."""

    label: str
    intervals: Sequence[tuple[str, Interval]]
    strong: bool = False


def forest(name: str, title: str, axis: str, tracks: Sequence[Track], band: Interval | None = None) -> Node:
    """Means with their intervals, one track below the other; ``band`` shades a range to compare with."""
    highest = max(interval.high for track in tracks for _, interval in track.intervals)
    scale = _up_to(highest, 4, WIDTH - 62)
    bottom = ROW * len(tracks) + 6
    shade = [_box(scale(band.low), 0, scale(band.high), bottom, "band")] if band else []
    described = "; ".join(
        f"{track.label} {', '.join(f'{share(each.mean)} ({spread(each)})' for _, each in track.intervals)}"
        for track in tracks
    )
    rows = [_track(track, ROW * index, scale) for index, track in enumerate(tracks)]
    return frame(name, title, described, bottom + 40, axis_below(scale, 0, bottom, axis), shade, rows)


def _track(track: Track, top: float, scale: Scale) -> list[Content]:
    y, style = top + 28, "strong" if track.strong else ""
    drawn: list[Content] = [text(track.label, 10, top + 14, style=f"label {style}")]
    for kind, each in track.intervals:
        drawn += [
            line(scale(each.low), y, scale(each.high), y, f"whisker {kind} {style}"),
            mark(kind, scale(each.mean), y, style),
        ]
    if len(track.intervals) == 1:
        figure = share(track.intervals[0][1].mean)
        drawn.append(text(figure, WIDTH, y + 4, anchor="end", style=f"label {style}"))
    return drawn


def curves(name: str, title: str, ceilings: Sequence[RecallCeiling]) -> Node:
    """Recall by the number of candidates: a curve for each source, a diamond for a set without order."""
    sizes = [size for ceiling in ceilings for size in ceiling.sizes]
    right, bottom, top = WIDTH - 118, 250.0, 30.0
    x = Scale(min(sizes), max(*sizes, 1.01 * min(sizes)), 42, right - 8, log=True)
    y = _up_to(max(each.mean for ceiling in ceilings for each in ceiling.recall), bottom, top)
    ends = [(x(ceiling.sizes[-1]), y(ceiling.recall[-1].mean)) for ceiling in ceilings]
    heights = apart([height for _, height in ends], 18, top, bottom)
    drawn: list[Content] = []
    for ceiling, (end, height), label in zip(ceilings, ends, heights, strict=True):
        kind = "source" if len(ceiling.sizes) > 1 else "pipeline"
        style = "strong" if kind == "pipeline" else ""
        points = [
            (x(size), y(recall.mean)) for size, recall in zip(ceiling.sizes, ceiling.recall, strict=True)
        ]
        drawn += [
            path(points, f"curve {kind}"),
            path([(end + 8, height), (right - 2, label), (right + 2, label)], "leader"),
            mark(kind, end, height, style, size=4),
            text(ceiling.name, right + 6, label + 4, style=f"label small {style}"),
        ]
    described = "; ".join(
        f"{each.name}: {each.recall[-1].mean:.3f} with {each.sizes[-1]:.0f} candidates" for each in ceilings
    )
    axes = [axis_below(x, top, bottom, "candidates per query"), axis_left(y, 42, right - 8, "recall")]
    return frame(name, title, described, bottom + 42, axes, drawn)


def reliability(name: str, title: str, scoring: Scoring) -> Node:
    """A reliability diagram: observed frequency against predicted probability; the diagonal is calibrated."""
    width, bottom, top = 300.0, 240.0, 30.0
    highest = max(max(bin.predicted, bin.observed) for bin in scoring.bins)
    x, y = _up_to(highest, 42, width - 12), _up_to(highest, bottom, top)
    points = [(x(bin.predicted), y(bin.observed)) for bin in scoring.bins]
    described = "; ".join(
        f"predicted {bin.predicted:.3f}, observed {bin.observed:.3f}" for bin in scoring.bins
    )
    return frame(
        name,
        title,
        described,
        bottom + 42,
        axis_below(x, top, bottom, "predicted probability"),
        axis_left(y, 42, width - 12, "observed frequency"),
        line(x(x.low), y(y.low), x(x.high), y(y.high), "diagonal"),
        path(points, "curve pipeline"),
        [mark("dot", *point, size=4) for point in points],
        width=width,
    )


@dataclass(frozen=True)
class Point:
    """A model between quality and speed."""

    label: str
    kind: str
    p99_ms: float
    quality: Interval
    front: bool
    strong: bool


def tradeoff(name: str, title: str, axis: str, points: Sequence[Point], budget_ms: float) -> Node:
    """Quality against latency, with the Pareto front and the budget: up and to the left is better."""
    right, bottom, top = WIDTH - 8, 260.0, 34.0
    times = [*(point.p99_ms for point in points), budget_ms]
    x = Scale(min(times) / 1.5, max(times) * 1.5, 42, right, log=True)
    y = _around([end for point in points for end in (point.quality.low, point.quality.high)], bottom, top)
    edge = sorted((x(point.p99_ms), y(point.quality.mean)) for point in points if point.front)
    described = "; ".join(
        f"{point.label}: {share(point.quality.mean)} at {milliseconds(point.p99_ms)}"
        f"{', on the Pareto front' if point.front else ''}"
        for point in points
    )
    return frame(
        name,
        title,
        f"{described}. The budget is {milliseconds(budget_ms)}.",
        bottom + 42,
        _box(x(budget_ms), top, right, bottom, "beyond"),
        axis_below(x, top, bottom, "p99 latency in milliseconds (logarithmic)"),
        axis_left(y, 42, right, axis),
        line(x(budget_ms), top, x(budget_ms), bottom, "budget"),
        text("budget", x(budget_ms) - 5, bottom - 7, anchor="end", style="tick"),
        path(_steps(edge), "front"),
        _points(points, x, y),
    )


def _points(points: Sequence[Point], x: Scale, y: Scale) -> list[Content]:
    labels = apart([y(point.quality.mean) for point in points], 16, y.end + 16, y.start - 20)
    drawn: list[Content] = []
    for point, label in zip(points, labels, strict=True):
        at, height, style = x(point.p99_ms), y(point.quality.mean), "strong" if point.strong else ""
        before = at + 12 + LETTER * len(point.label) > x.end
        drawn += [
            line(at, y(point.quality.low), at, y(point.quality.high), f"whisker {point.kind} {style}"),
            mark(point.kind, at, height, style),
            text(
                point.label,
                at - 9 if before else at + 9,
                label - 7 if before else label + 17,
                anchor="end" if before else "start",
                style=f"label small {style}",
            ),
        ]
    return drawn


def _steps(edge: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The front as a staircase: up to the next better point only where it stands."""
    steps = list(edge[:1])
    for (_, height), (at, better) in pairwise(edge):
        steps += [(at, height), (at, better)]
    return steps


def _up_to(highest: float, start: float, end: float) -> Scale:
    """A scale from 0 to the first tick above ``highest``."""
    step = round_up(max(highest, 1e-3) / 6)
    return Scale(0, math.ceil(highest / step - 1e-9) * step or step, start, end)


def _around(values: Sequence[float], start: float, end: float) -> Scale:
    """A scale over the ticks just around ``values``: for marks, whose place counts and not a length."""
    step = round_up(max(max(values) - min(values), 1e-3) / 4)
    return Scale(math.floor(min(values) / step) * step, math.ceil(max(values) / step) * step, start, end)


def _box(left: float, top: float, right: float, bottom: float, style: str) -> Node:
    points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return path([*points, points[0]], style)
