import msgspec
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from shortlist.base.errors import DataError
from shortlist.evaluation.scoring import Scoring, calibration_error, reliability, score


def test_figures_worked_out_by_hand() -> None:
    result = score(np.array([0.9, 0.8, 0.3, 0.1]), np.array([1, 0, 1, 0]))
    assert result.auc == 0.75  # three of four pairs in order
    assert result.log_loss == pytest.approx(-np.log([0.9, 0.2, 0.3, 0.9]).mean())
    assert result.brier == pytest.approx(np.mean([0.01, 0.64, 0.49, 0.01]))
    assert (result.precision, result.recall, result.f1) == (0.5, 0.5, 0.5)
    assert (result.examples, result.positives) == (4, 2)


def test_the_threshold_decides_what_is_a_yes() -> None:
    probabilities, labels = np.array([0.3, 0.2, 0.1]), np.array([1, 1, 0])
    assert score(probabilities, labels).recall == 0
    assert score(probabilities, labels, threshold=0.2).f1 == 1


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_has_no_auc(label: int) -> None:
    result = score(np.array([0.2, 0.4]), np.array([label, label]))
    assert result.auc is None
    assert np.isfinite(result.log_loss)


def test_no_examples_are_no_judgement() -> None:
    with pytest.raises(DataError, match="no examples"):
        score(np.zeros(0), np.zeros(0))


def test_true_probabilities_are_calibrated_and_bent_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random(40_000)
    labels = rng.random(40_000) < probabilities
    good, bent = score(probabilities, labels), score(probabilities**2, labels)
    assert good.calibration_error < 0.01
    assert bent.calibration_error > 0.1
    assert good.auc == pytest.approx(bent.auc)  # order alone is the same
    assert good.auc == pytest.approx(roc_auc_score(labels, probabilities))
    assert good.brier < bent.brier


def test_bins_hold_equally_many_and_everything() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.beta(1, 20, 1000)
    bins = reliability(probabilities, rng.random(1000) < probabilities)
    assert [each.examples for each in bins] == [100] * 10
    assert [each.predicted for each in bins] == sorted(each.predicted for each in bins)
    assert sum(each.examples * each.predicted for each in bins) == pytest.approx(probabilities.sum())


def test_equal_predictions_stay_together() -> None:
    bins = reliability(np.full(10, 0.3), np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]))
    assert len(bins) == 1
    assert bins[0].observed == pytest.approx(bins[0].predicted)
    assert calibration_error(bins) == pytest.approx(0)


def test_the_order_of_examples_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    probabilities = np.round(rng.random(500), 1).astype(np.float32)
    labels = rng.random(500) < 0.4
    order = rng.permutation(500)
    first, second = score(probabilities, labels), score(probabilities[order], labels[order])
    assert [each.examples for each in first.bins] == [each.examples for each in second.bins]
    assert first.calibration_error == pytest.approx(second.calibration_error)


def test_survives_json() -> None:
    result = score(np.array([0.2, 0.4]), np.array([1, 1]))
    assert msgspec.json.decode(msgspec.json.encode(result), type=Scoring) == result
