"""Confidence intervals of means over users, by the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from shortlist.base.errors import DataError
from shortlist.evaluation.ranking import Values

DRAW_BLOCK = 1 << 22  # counts drawn at a time: bounds memory to some 32 MB
MAX_RESAMPLED = (
    200_000  # values; the mean of more is normal to all decimals shown, and its interval is computed so
)


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """Whether zero lies outside: for a difference, whether it is one."""
        return self.low > 0 or self.high < 0


def interval(values: Values, seed: int = 0, *, draws: int = 1000, level: float = 0.95) -> Interval:
    """The mean of ``values`` (one per user; NaN is left out) with its percentile bootstrap interval.

    The same values and seed give the same interval; above `MAX_RESAMPLED` values it is the normal one. Raises
    DataError where no value is left.
    Efron, "Bootstrap methods: another look at the jackknife", 1979.
    """
    present = values[~np.isnan(values)]
    if not len(present):
        raise DataError("there is nothing to average: no user has a positive")
    if len(present) > MAX_RESAMPLED:
        error = float(present.std()) / len(present) ** 0.5 * NormalDist().inv_cdf((1 + level) / 2)
        return Interval(mean := float(present.mean()), mean - error, mean + error)
    means = _means(present, np.random.default_rng(seed), draws)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(present.mean()), float(low), float(high))


def paired(a: Values, b: Values, seed: int = 0, *, draws: int = 1000, level: float = 0.95) -> Interval:
    """The mean of ``a - b``, two measurements of the same users row by row, with its interval.

    Both sides are resampled together, so what makes some users easy for every model cancels out. Whether the
    difference is significant is a property of the result.
    """
    return interval(a - b, seed, draws=draws, level=level)


def _means(values: Values, rng: np.random.Generator, draws: int) -> Values:
    """Means of ``draws`` resamples of ``values``.

    Users with equal values are alike, and metrics of short lists take few values: drawing how often each
    distinct value comes up is the same as drawing users. One such draw costs as much as some 16 users.
    """
    distinct, counts = np.unique(values, return_counts=True)
    few_values = 16 * len(distinct) < len(values)
    block = max(1, DRAW_BLOCK // len(distinct if few_values else values))
    means = []
    for done in range(0, draws, block):
        size = min(block, draws - done)
        if few_values:
            drawn = rng.multinomial(len(values), counts / len(values), size)
            means.append(drawn @ distinct / len(values))
        else:
            means.append(values[rng.integers(0, len(values), (size, len(values)))].mean(axis=1))
    return np.concatenate(means)
