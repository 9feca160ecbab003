"""Metrics of probabilities: discrimination and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.types import AnyArray, Rows
from shortlist.evaluation.ranking import Values

EPSILON = 1e-7  # how near to 0 and 1 a probability may come in a log loss


@dataclass(frozen=True)
class Bin:
    """Examples with similar predictions: a point of a reliability diagram."""

    examples: int
    predicted: float  # mean probability
    observed: float  # share of positives


@dataclass(frozen=True)
class Scoring:
    """Probabilities against what happened."""

    examples: int
    positives: int
    auc: float | None  # ROC-AUC; None where only one class occurs
    log_loss: float
    brier: float  # mean squared error
    calibration_error: float  # expected: the mean gap between predicted and observed over the bins
    threshold: float  # from this probability on a prediction is a yes, for the three below
    f1: float
    precision: float
    recall: float
    bins: tuple[Bin, ...]  # by rising prediction


def log_losses(probabilities: AnyArray, labels: AnyArray) -> Values:
    """The negative log-likelihood of each label, float64 of the shape of ``labels``."""
    p = np.clip(np.asarray(probabilities, np.float64), EPSILON, 1 - EPSILON)
    losses: Values = -np.log(np.where(np.asarray(labels) > 0.5, p, 1 - p))
    return losses


def per_group(values: Values, groups: Rows | None) -> Values:
    """One value per group whose plain mean is the mean of ``values``, float64[groups]; None: each row is a group.

    The mean over rows is a ratio of two sums over groups (values and rows); this is its linearisation, so that a
    bootstrap over groups has the variance of that ratio (Cochran, "Sampling Techniques", 1977, chapter 6).
    """
    if groups is None or not len(values):
        return values
    _, codes = np.unique(groups, return_inverse=True)
    rows, sums = np.bincount(codes), np.bincount(codes, values)
    mean = values.mean()
    linear: Values = mean + (sums - mean * rows) * len(rows) / len(values)
    return linear


def score(probabilities: AnyArray, labels: AnyArray, *, threshold: float = 0.5, bins: int = 10) -> Scoring:
    """Measure ``probabilities`` (float[examples]) against ``labels`` (0 or 1 each).

    Where positives are rare few predictions reach 0.5; a threshold at the share of positives in training
    is more informative. Raises DataError without examples.
    """
    from sklearn import metrics

    if not len(labels):
        raise DataError("there are no examples to evaluate a ranker on")
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels, np.int8)
    diagram = reliability(probabilities, labels, bins)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, probabilities >= threshold, average="binary", zero_division=0
    )
    return Scoring(
        examples=len(labels),
        positives=int(labels.sum()),
        auc=float(metrics.roc_auc_score(labels, probabilities)) if 0 < labels.sum() < len(labels) else None,
        log_loss=float(metrics.log_loss(labels, probabilities, labels=[0, 1])),
        brier=float(np.mean((probabilities - labels) ** 2)),
        calibration_error=calibration_error(diagram),
        threshold=threshold,
        f1=float(f1),
        precision=float(precision),
        recall=float(recall),
        bins=diagram,
    )


def reliability(probabilities: AnyArray, labels: AnyArray, bins: int = 10) -> tuple[Bin, ...]:
    """The points of a reliability diagram: up to ``bins`` groups of equally many examples, by prediction.

    Equal predictions stay together, so that the order of examples does not matter. Groups of equal size
    rather than equal width, because predictions of rare events crowd near 0: Nixon et al., "Measuring
    calibration in deep learning", 2019.
    """
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, bins + 1)[1:-1]))
    group = np.searchsorted(edges, probabilities, side="right")
    counts, predicted, observed = (np.bincount(group, weights) for weights in (None, probabilities, labels))
    return tuple(
        Bin(int(count), float(p / count), float(o / count))
        for count, p, o in zip(counts, predicted, observed, strict=True)
        if count
    )


def calibration_error(diagram: tuple[Bin, ...]) -> float:
    """The expected calibration error: |predicted - observed| of the bins, weighted by examples."""
    gaps = sum(bin.examples * abs(bin.predicted - bin.observed) for bin in diagram)
    return gaps / sum(bin.examples for bin in diagram)
