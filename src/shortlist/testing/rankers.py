"""What every ranker promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shortlist.base.types import Floats
from shortlist.system.contracts import (
    Examples,
    ExplainsPredictions,
    FittedRanker,
    Ranker,
    RankerInputs,
    TrainingOptions,
)

EXAMPLES = 4000
NAMES = ("signal", "noise", "gaps")


def examples(seed: int = 0) -> tuple[Floats, Floats]:
    """Features and labels: the first feature decides the first objective, the second never happens."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(EXAMPLES, len(NAMES))).astype(np.float32)
    features[rng.random(EXAMPLES) < 0.3, 2] = np.nan
    happens = rng.random(EXAMPLES) < 1 / (1 + np.exp(-(2 * features[:, 0] - 1)))
    return features, np.stack([happens, np.zeros(EXAMPLES)], axis=1).astype(np.float32)


def _inputs(features: Floats) -> RankerInputs:
    return RankerInputs.of_matrix(features, NAMES)


class RankerContract:
    """Subclass it, set ``ranker``, and pytest runs the suite."""

    ranker: Ranker

    def fitted(self) -> FittedRanker:
        """The ranker, fitted on the examples."""
        features, labels = examples()
        return self.ranker.fit(Examples(_inputs(features), labels), TrainingOptions(seed=1))

    def test_gives_probabilities(self) -> None:
        features, labels = examples(1)
        probabilities = self.fitted().predict(_inputs(features))
        assert probabilities.shape == labels.shape
        assert probabilities.dtype == np.float32
        assert ((probabilities >= 0) & (probabilities <= 1)).all()

    def test_is_calibrated(self) -> None:
        features, labels = examples(1)
        predicted = self.fitted().predict(_inputs(features))[:, 0]
        order = np.argsort(predicted)
        for group in np.array_split(order, 5):
            assert abs(predicted[group].mean() - labels[group, 0].mean()) < 0.08

    def test_finds_the_signal(self) -> None:
        low, high = np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)
        low[0, 0], high[0, 0] = -2, 2
        fitted = self.fitted()
        assert fitted.predict(_inputs(high))[0, 0] - fitted.predict(_inputs(low))[0, 0] > 0.5

    def test_what_never_happens_is_improbable(self) -> None:
        assert self.fitted().predict(_inputs(examples(1)[0]))[:, 1].max() < 0.01

    def test_does_not_depend_on_neighbours(self) -> None:
        features = examples(1)[0][:200]
        fitted = self.fitted()
        together = fitted.predict(_inputs(features))
        alone = np.concatenate([fitted.predict(_inputs(features[i : i + 1])) for i in range(len(features))])
        assert np.allclose(together, alone, atol=1e-6)
        assert np.allclose(fitted.predict(_inputs(features[::-1])), together[::-1], atol=1e-6)

    def test_contributions_name_the_signal(self) -> None:
        features = examples(1)[0][:100]
        fitted = self.fitted()
        if not isinstance(fitted, ExplainsPredictions):
            return
        parts = fitted.contributions(_inputs(features))
        assert parts.shape == (100, 2, 3)
        assert np.isfinite(parts).all()
        assert np.abs(parts[:, 0, 0]).mean() > 3 * np.abs(parts[:, 0, 1]).mean()

    def test_missing_values_are_fine(self) -> None:
        probabilities = self.fitted().predict(_inputs(np.full((3, 3), np.nan, np.float32)))
        assert np.isfinite(probabilities).all()

    def test_no_candidates(self) -> None:
        nothing = np.zeros((0, 3), np.float32)
        assert self.fitted().predict(_inputs(nothing)).shape == (0, 2)
        fitted = self.fitted()
        if isinstance(fitted, ExplainsPredictions):
            assert fitted.contributions(_inputs(nothing)).shape == (0, 2, 3)

    def test_saves_and_loads(self, tmp_path: Path) -> None:
        fitted = self.fitted()
        fitted.save(tmp_path)
        features = examples(1)[0]
        assert np.array_equal(
            type(fitted).load(tmp_path).predict(_inputs(features)), fitted.predict(_inputs(features))
        )
        for file in tmp_path.rglob("*"):
            assert file.suffix not in {".pkl", ".pickle", ".joblib"}, f"{file.name} is a pickle"

    def test_same_seed_same_answer(self) -> None:
        features = examples(1)[0]
        assert np.array_equal(
            self.fitted().predict(_inputs(features)), self.fitted().predict(_inputs(features))
        )
