"""A ranker: naive Bayes over binned features."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from shortlist.components import (
    AnyArray,
    Examples,
    FittedRanker,
    Floats,
    Ranker,
    RankerInputs,
    TrainingOptions,
    load_array,
    save_arrays,
)


@dataclass(frozen=True, kw_only=True)
class NaiveBayes(Ranker):
    """Log-odds that add up over features, each cut into ``bins`` of as many examples; missing is a bin too."""

    complexity: ClassVar[int] = 1
    interpretability: ClassVar[str] = "coefficients"

    bins: int = 20
    smoothing: float = 1.0

    def fit(self, examples: Examples, options: TrainingOptions) -> "FittedNaiveBayes":
        """Count how often each objective is reached in each bin."""
        features = examples.inputs.numeric.astype(np.float64)
        quantiles = np.linspace(0, 1, self.bins + 1)[1:-1]
        present = [column[~np.isnan(column)] for column in features.T]
        edges = np.array([np.quantile(c, quantiles) if len(c) else np.zeros(len(quantiles)) for c in present])
        codes = _binned(features, edges)
        reached = examples.labels.sum(axis=0) + self.smoothing
        missed = len(examples) - examples.labels.sum(axis=0) + self.smoothing
        log_odds = np.zeros((examples.labels.shape[1], features.shape[1], self.bins + 1))
        for feature, column in enumerate(codes.T):
            total = np.bincount(column, minlength=self.bins + 1)
            for objective, label in enumerate(examples.labels.T):
                positive = np.bincount(column, weights=label, minlength=self.bins + 1)
                prior = self.smoothing * (total + 1) / (total + 1).sum()
                share = (positive + prior) / reached[objective]
                rest = (total - positive + prior) / missed[objective]
                log_odds[objective, feature] = np.log(share / rest)
        return FittedNaiveBayes(edges, log_odds, np.log(reached / missed))


def _binned(features: AnyArray, edges: AnyArray) -> AnyArray:
    """The bin of each value, int64[candidates, features]; the last bin is for missing values."""
    columns = [
        np.searchsorted(edge, column, side="right") for edge, column in zip(edges, features.T, strict=True)
    ]
    codes = np.stack(columns, axis=1)
    codes[np.isnan(features)] = edges.shape[1] + 1
    return codes


class FittedNaiveBayes(FittedRanker):
    """``log_odds`` float64[objectives, features, bins + 1]."""

    def __init__(self, edges: AnyArray, log_odds: AnyArray, prior: AnyArray) -> None:
        self.edges, self.log_odds, self.prior = edges, log_odds, prior

    def predict(self, inputs: RankerInputs) -> Floats:
        logits = self._parts(inputs).sum(axis=2) + self.prior
        return (1 / (1 + np.exp(-logits))).astype(np.float32)

    def contributions(self, inputs: RankerInputs) -> Floats:
        return self._parts(inputs).astype(np.float32)

    def _parts(self, inputs: RankerInputs) -> AnyArray:
        codes = _binned(inputs.numeric.astype(np.float64), self.edges)
        return self.log_odds[:, np.arange(codes.shape[1]), codes].transpose(1, 0, 2)

    def save(self, folder: Path) -> None:
        save_arrays(folder, edges=self.edges, log_odds=self.log_odds, prior=self.prior)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(*(load_array(folder, name) for name in ("edges", "log_odds", "prior")))
