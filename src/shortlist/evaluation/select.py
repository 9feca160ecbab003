"""Which model should serve: the simplest that is not significantly worse and fast enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shortlist.base.errors import DataError, DeclarationError
from shortlist.evaluation.bootstrap import Interval, paired
from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.names import HEADLINE, goodness, in_sentence, lower_is_better
from shortlist.system.system import Requirements

INTERPRETABLE = frozenset({"coefficients"})  # kinds of models whose every prediction can be traced by hand


@dataclass(frozen=True)
class Standing:
    """One model's figures in a choice."""

    name: str
    quality: Interval
    difference: Interval  # its quality minus that of the best
    complexity: int
    p99_ms: float | None  # None: not measured
    fits: bool  # within its share of the latency budget
    allowed: bool  # as interpretable as is required
    front: bool  # no other is both better and faster


@dataclass(frozen=True)
class Choice:
    """The model to serve, the reason in one sentence, and the figures of all, best first."""

    name: str
    sentence: str
    table: tuple[Standing, ...]
    budget_ms: float  # what a model's p99 may be


def choose(
    models: Sequence[EvaluatedModel],
    requirements: Requirements,
    *,
    share: float = 0.5,
    metric: str = HEADLINE,
    seed: int = 0,
) -> Choice:
    """The simplest model whose ``metric`` is not significantly worse than that of the best.

    Only those count whose p99 is measured and within ``share`` of the latency budget; where there is
    none, the fastest is chosen and the sentence warns. Differences are paired by user. Where the
    requirements want an interpretable model and there is none, raises DeclarationError.
    """
    if not models:
        raise DataError("there is nothing to choose from: no model was evaluated")
    budget = share * requirements.latency_ms
    allowed = [
        each for each in models if each.interpretability in INTERPRETABLE or not requirements.interpretable
    ]
    if not allowed:
        raise DeclarationError(
            "requirements.interpretable is set, and none of these is interpretable: "
            f"{', '.join(each.name for each in models)}; add a ranker such as LogisticRegression()"
        )
    fitting = [each for each in allowed if _p99(each) <= budget]

    def quality(model: EvaluatedModel) -> float:
        return goodness(metric, model.metrics[metric].mean)

    best = max(fitting or allowed, key=quality)
    gaps = {each.name: paired(each.values[metric], best.values[metric], seed) for each in models}
    if fitting:
        worst = [
            gaps[each.name].low if lower_is_better(metric) else -gaps[each.name].high for each in fitting
        ]
        equals = [each for each, least in zip(fitting, worst, strict=True) if least <= 0]
        chosen = min(equals, key=lambda each: (each.complexity, -quality(each)))
        why = _reason(chosen, best, fitting, gaps[chosen.name], metric)
        speed = f"its p99 of {_p99(chosen):.3g} ms is within the {budget:.3g} ms it may take"
        sentence = f"{chosen.name} serves: {why}, and {speed}."
    else:
        chosen = min(allowed, key=lambda each: (_p99(each), -quality(each)))
        sentence = _warning(chosen, metric, budget)
    table = _table(models, gaps, allowed, metric, budget)
    return Choice(chosen.name, sentence, table, budget)


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which (latency, quality) points are on the Pareto front: no other is as fast and better, or as good
    and faster. A point of infinite latency (not measured) never is.
    """
    return [
        latency < float("inf")
        and not any((ms <= latency and q > quality) or (ms < latency and q >= quality) for ms, q in points)
        for latency, quality in points
    ]


def _p99(model: EvaluatedModel) -> float:
    return model.latency.p99_ms if model.latency else float("inf")


def _table(
    models: Sequence[EvaluatedModel],
    gaps: dict[str, Interval],
    allowed: Sequence[EvaluatedModel],
    metric: str,
    budget: float,
) -> tuple[Standing, ...]:
    points = [(_p99(each), goodness(metric, each.metrics[metric].mean)) for each in models]
    standings = [
        Standing(
            name=each.name,
            quality=each.metrics[metric],
            difference=gaps[each.name],
            complexity=each.complexity,
            p99_ms=each.latency.p99_ms if each.latency else None,
            fits=_p99(each) <= budget,
            allowed=each in allowed,
            front=is_front,
        )
        for each, is_front in zip(models, front(points), strict=True)
    ]
    return tuple(sorted(standings, key=lambda standing: -goodness(metric, standing.quality.mean)))


def _reason(
    chosen: EvaluatedModel,
    best: EvaluatedModel,
    fitting: Sequence[EvaluatedModel],
    gap: Interval,
    metric: str,
) -> str:
    """Why ``chosen``, with figures."""
    quality = f"{in_sentence(metric)} {chosen.metrics[metric].mean:.3f}"
    if chosen is not best:
        return (
            f"it is simpler than {best.name} and not significantly worse ({quality} against "
            f"{best.metrics[metric].mean:.3f}, difference {gap.mean:+.3f}, 95% interval {gap.low:+.3f} to "
            f"{gap.high:+.3f})"
        )
    if len(fitting) == 1:
        return f"it alone meets the requirements ({quality})"
    simpler = [each for each in fitting if each.complexity < chosen.complexity]
    if not simpler:
        return f"it is the best ({quality}) and nothing that fits is simpler"
    nearest = max(simpler, key=lambda each: goodness(metric, each.metrics[metric].mean))
    return (
        f"it is the best ({quality}), significantly better than every simpler model "
        f"({nearest.name} is nearest with {nearest.metrics[metric].mean:.3f})"
    )


def _warning(chosen: EvaluatedModel, metric: str, budget: float) -> str:
    """What is wrong where no model is fast enough."""
    if chosen.latency is None:
        why = "no model's latency was measured"
        speed = ""
    else:
        why = f"no model answers within the {budget:.3g} ms that it may take at p99"
        speed = f", the fastest with {chosen.latency.p99_ms:.3g} ms"
    return (
        f"Warning: {why}; {chosen.name} serves{speed} ({in_sentence(metric)} {chosen.metrics[metric].mean:.3f}). "
        "Lower the quotas of sources, use a faster machine, or raise latency_ms."
    )
