"""Gradient-boosted symmetric trees, by CatBoost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from shortlist.base.files import read_json, write_json
from shortlist.base.optional import require
from shortlist.base.types import Floats
from shortlist.system.contracts import Examples, FittedRanker, Ranker, RankerInputs, TrainingOptions


@dataclass(frozen=True, kw_only=True)
class CatBoost(Ranker):
    """Boosted oblivious trees on the log loss, one model per objective (Prokhorenkova et al., NeurIPS 2018).

    Needs the extra ``catboost``, in training and in serving.
    """

    complexity: ClassVar[int] = 2
    interpretability: ClassVar[str] = "trees"

    name: str = field(default="catboost", metadata={"doc": "what slates, metrics and reports call it"})
    epochs: int = field(default=200, metadata={"doc": "trees"})
    depth: int = field(default=6, metadata={"doc": "levels of a tree"})
    learning_rate: float = field(default=0.08, metadata={"doc": "shrinkage of each tree"})
    regularization: float = field(default=3.0, metadata={"doc": "L2 penalty on leaves"})

    def fit(self, examples: Examples, options: TrainingOptions) -> FittedCatBoost:
        """Learn; an objective that never or always holds becomes a constant."""
        features, labels, names = examples.inputs.numeric, examples.labels, examples.inputs.names
        catboost = require("catboost", extra="catboost", why="the ranker CatBoost")
        models: list[Any] = []
        for label in labels.T:
            rate = float(label.mean()) if len(label) else 0.0
            if not 0.0 < rate < 1.0:
                models.append(rate)
                continue
            model = catboost.CatBoostClassifier(
                iterations=self.epochs,
                depth=self.depth,
                learning_rate=self.learning_rate,
                l2_leaf_reg=self.regularization,
                random_seed=options.seed,
                thread_count=options.threads or -1,
                loss_function="Logloss",
                allow_writing_files=False,
                verbose=False,
            )
            pool = catboost.Pool(features, label > 0.5, feature_names=list(names), weight=examples.weights)
            models.append(model.fit(pool))
        return FittedCatBoost(models)


class FittedCatBoost(FittedRanker):
    """One CatBoost model per objective; a float stands for a constant probability."""

    def __init__(self, models: list[Any]) -> None:
        self.models = models

    def predict(self, inputs: RankerInputs) -> Floats:
        """The models' probabilities, on one thread: a request has few candidates."""
        features = inputs.numeric
        columns = [
            np.full(len(features), model)
            if isinstance(model, float)
            else model.predict_proba(features, thread_count=1)[:, 1]
            if len(features)
            else np.zeros(0)
            for model in self.models
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def contributions(self, inputs: RankerInputs) -> Floats:
        """SHAP values of the trees (Lundberg et al., Nature Machine Intelligence 2020)."""
        features = inputs.numeric
        catboost = require("catboost", extra="catboost", why="the ranker CatBoost")
        parts = np.zeros((len(features), len(self.models), features.shape[1]), np.float32)
        for o, model in enumerate(self.models):
            if not isinstance(model, float) and len(features):
                pool = catboost.Pool(features, feature_names=model.feature_names_)
                parts[:, o] = model.get_feature_importance(pool, type="ShapValues", thread_count=1)[:, :-1]
        return parts

    def save(self, folder: Path) -> None:
        """CatBoost's own binary format, and JSON for constants."""
        constants = [model if isinstance(model, float) else None for model in self.models]
        write_json(folder / "objectives.json", constants)
        for o, model in enumerate(self.models):
            if not isinstance(model, float):
                model.save_model(str(folder / f"{o}.cbm"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        catboost = require("catboost", extra="catboost", why="a release whose ranker is CatBoost")
        models: list[Any] = []
        for o, constant in enumerate(read_json(folder / "objectives.json")):
            models.append(constant if constant is not None else catboost.CatBoostClassifier())
            if constant is None:
                models[o].load_model(str(folder / f"{o}.cbm"))
        return cls(models)
