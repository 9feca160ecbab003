"""Logistic regression over standardised features: interpretable by its coefficients."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from shortlist.base.files import load_array, save_arrays
from shortlist.base.types import Floats
from shortlist.system.contracts import Examples, FittedRanker, Ranker, RankerInputs, TrainingOptions

MAX_DEVIATIONS = 8.0  # standardised features are clipped to


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(Ranker):
    """One linear model of the log-odds per objective, over standardised features.

    Each feature enters as it is and as the signed logarithm of its size, so that counts and scores with
    long tails can be used; a missing value counts as the mean.
    """

    complexity: ClassVar[int] = 1
    interpretability: ClassVar[str] = "coefficients"

    regularization: float = field(default=1.0, metadata={"doc": "L2 penalty on standardised coefficients"})
    epochs: int = field(default=200, metadata={"doc": "iterations of the solver at most"})

    def fit(self, examples: Examples, options: TrainingOptions) -> FittedLogisticRegression:
        """Learn with scikit-learn's L-BFGS; an objective that never or always holds becomes a constant."""
        from sklearn.linear_model import LogisticRegression as Solver

        features, labels = examples.inputs.numeric, examples.labels
        X = _expand(features)
        present = np.maximum((~np.isnan(X)).sum(axis=0), 1)  # a feature may be missing everywhere
        mean = np.nansum(X, axis=0, dtype=np.float64) / present
        scale = np.sqrt(np.nansum((X - mean) ** 2, axis=0) / present)
        scale[scale < 1e-9] = 1.0
        model = FittedLogisticRegression(
            mean.astype(np.float32),
            scale.astype(np.float32),
            np.zeros((labels.shape[1], X.shape[1]), np.float32),
            np.zeros(labels.shape[1], np.float32),
        )
        Z = model.standardised(features)
        for o, label in enumerate(labels.T):
            rate = float(label.mean()) if len(label) else 0.0
            if 0.0 < rate < 1.0:
                solver = Solver(C=1.0 / self.regularization, max_iter=self.epochs, random_state=options.seed)
                solver.fit(Z, label > 0.5, sample_weight=examples.weights)
                model.weights[o], model.bias[o] = solver.coef_[0], solver.intercept_[0]
            else:
                model.bias[o] = np.log((rate + 1e-6) / (1 - rate + 1e-6))
        return model


def _expand(features: Floats) -> Floats:
    X = features.astype(np.float32)
    return np.concatenate([X, np.sign(X) * np.log1p(np.abs(X))], axis=1)


class FittedLogisticRegression(FittedRanker):
    """``weights`` float32[objectives, 2 × features]: first the features, then their signed logarithms."""

    def __init__(self, mean: Floats, scale: Floats, weights: Floats, bias: Floats) -> None:
        self.mean, self.scale, self.weights, self.bias = mean, scale, weights, bias

    def standardised(self, features: Floats) -> Floats:
        """Inputs of the linear model, float32[candidates, 2 × features]."""
        Z: Floats = np.clip(
            np.nan_to_num((_expand(features) - self.mean) / self.scale), -MAX_DEVIATIONS, MAX_DEVIATIONS
        )
        return Z

    def predict(self, inputs: RankerInputs) -> Floats:
        """The logistic function of the weighted sum."""
        # einsum sums each candidate on its own, so a score does not depend on its neighbours
        logits = np.einsum("cf,of->co", self.standardised(inputs.numeric), self.weights) + self.bias
        probabilities: Floats = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
        return probabilities

    def contributions(self, inputs: RankerInputs) -> Floats:
        """Weight × input, summed over the two transformations of a feature."""
        parts = self.standardised(inputs.numeric)[:, None, :] * self.weights
        half = inputs.numeric.shape[1]
        total: Floats = parts[:, :, :half] + parts[:, :, half:]
        return total

    def save(self, folder: Path) -> None:
        """Four arrays."""
        save_arrays(folder, mean=self.mean, scale=self.scale, weights=self.weights, bias=self.bias)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Four arrays."""
        return cls(*(np.array(load_array(folder, name)) for name in ("mean", "scale", "weights", "bias")))
