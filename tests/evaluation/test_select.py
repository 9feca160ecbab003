from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.errors import DataError, DeclarationError
from shortlist.evaluation.bootstrap import interval
from shortlist.evaluation.evaluated_model import EvaluatedModel, Latency
from shortlist.evaluation.select import choose, front
from shortlist.evaluation.summary import summary
from shortlist.system.system import Requirements

EASY = np.linspace(0, 0.4, 400)


def model(
    name: str,
    gain: float,
    p99: float | None,
    complexity: int,
    *,
    kind: Literal["baseline", "source", "pipeline"] = "pipeline",
    interpretability: str = "opaque",
    noise: float = 0.02,
) -> EvaluatedModel:
    """A model that is better than nothing by ``gain`` on average, more for some users than for others."""
    spread = np.random.default_rng(len(name)).normal(0, noise, len(EASY))
    values = EASY + gain + spread - spread.mean()
    return EvaluatedModel(
        name,
        kind,
        {"ndcg@10": interval(values)},
        latency=None if p99 is None else Latency(p99 / 2, p99),
        complexity=complexity,
        interpretability=interpretability,
        values={"ndcg@10": values},
    )


SIMPLE = model("logistic", 0.05, 3, 1, interpretability="coefficients")
NEAR = model("boosted", 0.0505, 9, 2, interpretability="trees")
FAR = model("deep", 0.1, 40, 9)
NEEDS = Requirements(latency_ms=100)


def test_the_simplest_that_is_not_measurably_worse() -> None:
    choice = choose([NEAR, SIMPLE], NEEDS)
    assert choice.name == "logistic"
    assert choice.sentence.startswith(
        "logistic serves: it is simpler than boosted and not significantly worse (NDCG@10 0.250 against 0.251, "
        "difference -0.001, 95% interval -0.00"
    )
    assert [each.name for each in choice.table] == ["boosted", "logistic"]
    assert not choice.table[1].difference.significant


def test_the_best_where_everything_simpler_is_measurably_worse() -> None:
    choice = choose([SIMPLE, FAR], NEEDS)
    assert choice.name == "deep"
    assert "significantly better than every simpler model (logistic is nearest with 0.250)" in choice.sentence
    assert "p99 of 40 ms is within the 50 ms" in choice.sentence


def test_what_is_too_slow_does_not_serve() -> None:
    choice = choose([SIMPLE, FAR], NEEDS, share=0.3)
    assert choice.name == "logistic"
    assert "it alone meets the requirements" in choice.sentence
    assert [(each.name, each.fits) for each in choice.table] == [("deep", False), ("logistic", True)]
    assert choice.budget_ms == 30


def test_where_nothing_is_quick_enough_the_fastest_serves_with_a_warning() -> None:
    choice = choose([FAR, NEAR, SIMPLE], Requirements(latency_ms=1))
    assert choice.name == "logistic"
    assert choice.sentence.startswith("Warning: no model answers within the 0.5 ms")
    assert not any(each.fits for each in choice.table)


def test_what_was_not_measured_does_not_fit() -> None:
    unknown = model("unknown", 0.2, None, 1)
    assert choose([unknown, SIMPLE], NEEDS).name == "logistic"
    alone = choose([unknown], NEEDS)
    assert alone.sentence.startswith("Warning: no model's latency was measured; unknown serves")


def test_an_interpretable_system_gets_a_model_that_can_be_read() -> None:
    needs = Requirements(interpretable=True)
    choice = choose([FAR, NEAR, SIMPLE], needs)
    assert choice.name == "logistic"
    assert [each.name for each in choice.table if not each.allowed] == ["deep", "boosted"]
    with pytest.raises(DeclarationError, match="none of these is interpretable: deep, boosted"):
        choose([FAR, NEAR], needs)


def test_the_order_of_contenders_does_not_matter() -> None:
    assert choose([FAR, NEAR, SIMPLE], NEEDS) == choose([SIMPLE, FAR, NEAR], NEEDS)


def test_nothing_to_choose_from_is_said() -> None:
    with pytest.raises(DataError, match="nothing to choose from"):
        choose([], NEEDS)


def test_front_by_hand() -> None:
    points = [(1, 0.1), (2, 0.3), (3, 0.2), (3, 0.3), (4, 0.4), (float("inf"), 0.9)]
    assert front(points) == [True, True, False, False, True, False]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5)), min_size=1))
def test_the_front_holds_the_best_and_nothing_on_it_is_beaten(points: list[tuple[float, float]]) -> None:
    kept = [point for point, is_front in zip(points, front(points), strict=True) if is_front]
    assert max(quality for _, quality in kept) == max(quality for _, quality in points)
    assert min(ms for ms, _ in kept) == min(ms for ms, _ in points)
    assert not any(a[0] < b[0] and a[1] > b[1] for a in points for b in kept)


def test_a_summary_compares_with_the_baseline_and_the_best_source() -> None:
    base = model("popular", 0, 1, 0, kind="baseline")
    weak, strong = (model(name, gain, 1, 0, kind="source") for name, gain in (("als", 0.01), ("ease", 0.05)))
    worst = model("nothing", -0.1, 1, 0, kind="baseline")
    assert summary([worst, base, weak, strong, FAR], "deep") == (
        "deep reaches NDCG@10 0.300, 50% above the 0.200 of popular and 20% above the 0.250 of the best source "
        "alone, ease."
    )
    assert summary([worst, FAR], "deep") == "deep reaches NDCG@10 0.300, 3.0 times the 0.100 of nothing."
    assert summary([SIMPLE], "logistic") == "logistic reaches NDCG@10 0.250."
    assert "20% below the 0.250 of the best source alone, ease" in summary([strong, base], "popular")
    same = summary([model("twin", 0.0501, 1, 0, kind="source"), SIMPLE], "logistic")
    assert "not significantly different from the 0.250 of the best source alone, twin" in same
