"""The contract of rankers."""

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
from shortlist.testing.files import assert_no_pickle

EXAMPLES = 4000
NAMES = ("signal", "noise", "gaps")


def toy_examples(seed: int = 0) -> Examples:
    """Two objectives: the first depends on the first of three features alone, the second is never reached."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(EXAMPLES, len(NAMES))).astype(np.float32)
    features[rng.random(EXAMPLES) < 0.3, 2] = np.nan
    reached = rng.random(EXAMPLES) < 1 / (1 + np.exp(-(2 * features[:, 0] - 1)))
    labels = np.stack([reached, np.zeros(EXAMPLES)], axis=1).astype(np.float32)
    return Examples(_inputs(features), labels, objectives=("reached", "never reached"))


def _inputs(features: Floats) -> RankerInputs:
    return RankerInputs.of_matrix(features, NAMES)


def _unseen(count: int = EXAMPLES) -> tuple[Floats, Floats]:
    """Features and labels that the ranker was not trained on."""
    examples = toy_examples(1)
    return examples.inputs.numeric[:count], examples.labels[:count]


class RankerContract:
    """Subclass it, set ``ranker``, and pytest runs the suite."""

    ranker: Ranker

    def fitted(self) -> FittedRanker:
        """The fitted ranker."""
        return self.ranker.fit(toy_examples(), TrainingOptions(seed=1))

    def test_gives_probabilities(self) -> None:
        features, labels = _unseen()
        probabilities = self.fitted().predict(_inputs(features))
        assert probabilities.shape == labels.shape
        assert probabilities.dtype == np.float32
        assert ((probabilities >= 0) & (probabilities <= 1)).all()

    def test_is_calibrated(self) -> None:
        features, labels = _unseen()
        predicted = self.fitted().predict(_inputs(features))[:, 0]
        order = np.argsort(predicted)
        for group in np.array_split(order, 5):
            assert abs(predicted[group].mean() - labels[group, 0].mean()) < 0.08

    def test_finds_the_signal(self) -> None:
        low, high = np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)
        low[0, 0], high[0, 0] = -2, 2
        fitted = self.fitted()
        assert fitted.predict(_inputs(high))[0, 0] - fitted.predict(_inputs(low))[0, 0] > 0.5

    def test_an_objective_that_is_never_reached_is_improbable(self) -> None:
        assert self.fitted().predict(_inputs(_unseen()[0]))[:, 1].max() < 0.01

    def test_a_probability_does_not_depend_on_the_other_candidates(self) -> None:
        features = _unseen(200)[0]
        fitted = self.fitted()
        together = fitted.predict(_inputs(features))
        alone = np.concatenate([fitted.predict(_inputs(features[i : i + 1])) for i in range(len(features))])
        assert np.allclose(together, alone, atol=1e-6)
        assert np.allclose(fitted.predict(_inputs(features[::-1])), together[::-1], atol=1e-6)

    def test_contributions_name_the_signal(self) -> None:
        features = _unseen(100)[0]
        fitted = self.fitted()
        if not isinstance(fitted, ExplainsPredictions):
            return
        parts = fitted.contributions(_inputs(features))
        assert parts.shape == (100, 2, 3)
        assert np.isfinite(parts).all()
        assert np.abs(parts[:, 0, 0]).mean() > 3 * np.abs(parts[:, 0, 1]).mean()

    def test_accepts_missing_values(self) -> None:
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
        features = _unseen()[0]
        assert np.array_equal(
            type(fitted).load(tmp_path).predict(_inputs(features)), fitted.predict(_inputs(features))
        )
        assert_no_pickle(tmp_path)

    def test_same_seed_same_answer(self) -> None:
        features = _unseen()[0]
        assert np.array_equal(
            self.fitted().predict(_inputs(features)), self.fitted().predict(_inputs(features))
        )
