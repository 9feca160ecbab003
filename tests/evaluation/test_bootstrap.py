import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.errors import DataError
from shortlist.evaluation import bootstrap as module
from shortlist.evaluation.bootstrap import Interval, interval, paired


def test_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    samples = rng.exponential(1.0, (300, 200))
    held = [
        result.low <= 1 <= result.high for result in (interval(sample, 7, draws=300) for sample in samples)
    ]
    assert 0.88 <= np.mean(held) <= 0.98


@pytest.mark.parametrize("values", [np.random.default_rng(1).random(2000), np.arange(2000) % 3 == 0])
def test_is_as_wide_as_the_central_limit_says(values: np.ndarray) -> None:
    """Both ways of drawing: many distinct values, and few."""
    result = interval(values.astype(float), draws=2000)
    error = values.std() / np.sqrt(len(values))
    assert result.high - result.low == pytest.approx(2 * 1.96 * error, rel=0.08)
    assert result.mean == pytest.approx(values.mean())


def test_small_blocks_draw_as_widely(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random(500)
    whole = interval(values)
    monkeypatch.setattr(module, "DRAW_BLOCK", 1200)
    small = interval(values)
    assert (small.low, small.high) == pytest.approx((whole.low, whole.high), abs=0.005)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(2).random(100)
    assert interval(values, 5) == interval(values, 5)
    assert interval(values, 5) != interval(values, 6)


def test_a_higher_level_is_wider() -> None:
    values = np.random.default_rng(2).random(100)
    wide, narrow = interval(values, level=0.99), interval(values, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_missing_values_are_left_out() -> None:
    values = np.array([0.1, np.nan, 0.5, np.nan, 0.9])
    assert interval(values) == interval(values[[0, 2, 4]])


@pytest.mark.parametrize("values", [np.zeros(0), np.array([np.nan])])
def test_nothing_to_average_is_said(values: np.ndarray) -> None:
    with pytest.raises(DataError, match="nothing to average"):
        interval(values)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_lies_within_the_values(values: list[float]) -> None:
    result = interval(np.array(values), draws=50)
    assert min(values) - 1e-9 <= result.low <= result.high <= max(values) + 1e-9


def test_pairing_sees_a_small_difference_that_single_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    easy = rng.random(500)
    better = easy + 0.02 + rng.normal(0, 0.02, 500)
    first, second = interval(easy), interval(better)
    assert first.high > second.low
    gap = paired(better, easy)
    assert gap.significant
    assert gap.mean == pytest.approx((better - easy).mean())
    assert paired(easy, better).significant


def test_noise_alone_is_seldom_significant() -> None:
    rng = np.random.default_rng(0)
    verdicts = [paired(rng.random(100), rng.random(100), draws=200).significant for _ in range(200)]
    assert np.mean(verdicts) < 0.12


def test_significance_is_that_zero_lies_outside() -> None:
    assert Interval(0.1, 0.01, 0.2).significant
    assert Interval(-0.1, -0.2, -0.01).significant
    assert not Interval(0.1, -0.01, 0.2).significant
    assert not Interval(0.0, 0.0, 0.0).significant
