"""The sections on rankers: calibration, cost, and the reason of the choice."""

from __future__ import annotations

from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.names import lower_is_better, title
from shortlist.evaluation.report.figures import milliseconds, seconds, share, size
from shortlist.evaluation.report.markup import Node, h
from shortlist.evaluation.report.pieces import beside, named, note, section, table
from shortlist.evaluation.report.plots import Point, reliability, tradeoff
from shortlist.evaluation.select import Standing

SCORING = {
    "auc": "ROC-AUC",
    "log_loss": "Log loss",
    "brier": "Brier",
    "calibration_error": "Calibration error",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "threshold": "Threshold",
}


def rankers(evaluation: Evaluation) -> Node | None:
    """How well probabilities are calibrated."""
    scored = [
        (each.name, objective, scoring)
        for each in evaluation.models
        for objective, scoring in each.scoring.items()
    ]
    if not scored:
        return None
    diagrams = [
        h(
            "figure",
            h("figcaption", h("b", name), f" · {objective}"),
            reliability(f"reliability-{number}", f"Reliability of {name} for {objective}", scoring),
        )
        for number, (name, objective, scoring) in enumerate(scored)
    ]
    rows = [
        [name, objective, *(share(getattr(scoring, field)) for field in SCORING)]
        for name, objective, scoring in scored
    ]
    return section(
        "Calibration of the probabilities",
        "Points on the diagonal are calibrated: what is given a probability of 0.2 happens one time in five. ROC-AUC "
        "is how often a positive is scored above a negative; F1, precision and recall count a probability of at "
        "least the threshold as positive.",
        h("div", diagrams, class_="small-multiples"),
        table(["", "Objective", *SCORING.values()], rows),
    )


def speed(evaluation: Evaluation) -> Node | None:
    """Quality against latency, and the reason of the choice."""
    choice = evaluation.choice
    if not choice:
        return None
    models = {each.name: each for each in evaluation.models}
    points = [
        Point(
            label=each.name,
            kind=models[each.name].kind,
            p99_ms=each.p99_ms,
            quality=each.quality,
            front=each.front,
            strong=each.name == choice.name,
        )
        for each in choice.table
        if each.p99_ms is not None
    ]
    written = title(evaluation.metric)
    plot = (
        tradeoff("tradeoff", "Quality against latency", written, points, choice.budget_ms) if points else None
    )
    columns = [written, "Difference", "p50", "p99", "On disk", "Training", "Interpretability", "Pareto front"]
    return section(
        "Quality against latency",
        choice.sentence,
        beside(
            h("figure", plot),
            note(
                f"{'Down' if lower_is_better(evaluation.metric) else 'Up'} and to the left is better. The dotted "
                "line is the Pareto front: no other model is better in both. The rule of choice: of the models within "
                "the latency budget, the simplest that is not significantly worse than the best. The difference below "
                "is to that best one, paired by user; ≈ marks one that is not significant."
            ),
        ),
        table(["", *columns], [_standing(each, evaluation) for each in choice.table]),
    )


def _standing(standing: Standing, evaluation: Evaluation) -> list[Node | str]:
    """A row of the table of choice."""
    model = next(each for each in evaluation.models if each.name == standing.name)
    return [
        named(model, evaluation),
        share(standing.quality.mean),
        _difference(standing),
        milliseconds(model.latency.p50_ms if model.latency else None),
        milliseconds(standing.p99_ms) + ("" if standing.fits else ", too slow"),
        size(model.size_bytes),
        seconds(model.training_seconds),
        model.interpretability + ("" if standing.allowed else ", not allowed"),
        "yes" if standing.front else "",
    ]


def _difference(standing: Standing) -> str:
    difference = standing.difference
    if difference.low == difference.high == 0:
        return "the best" if standing.fits else ""
    return f"{difference.mean:+.3f}".replace("-", "−") + ("" if difference.significant else " ≈")
