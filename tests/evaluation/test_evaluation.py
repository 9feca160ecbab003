from dataclasses import replace

import msgspec
import numpy as np
import pytest

from shortlist.base.errors import DataError, ReleaseError
from shortlist.base.queries import Ragged, Retrieved
from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.evaluation import Evaluation, RecallCeiling, Slice, from_json, to_json

TRUTH = Ragged(np.array([0, 2, 3, 3]), np.array([1, 2, 3], np.int32))
LISTS = Retrieved(
    np.array([0, 0, 0, 0, 1, 1]), np.array([1, 8, 9, 2, 7, 3], np.int32), np.zeros(6, np.float32)
)


def test_a_contender_keeps_values_for_pairing_and_intervals_for_reading() -> None:
    model = EvaluatedModel.of("als", "source", LISTS, TRUTH, ["recall@2"])
    assert model.values["recall@2"][:2].tolist() == [0.5, 1.0]
    assert np.isnan(model.values["recall@2"][2])
    assert model.metrics["recall@2"].mean == 0.75


def test_a_truth_without_positives_cannot_be_judged_by() -> None:
    with pytest.raises(DataError, match="nothing to average"):
        EvaluatedModel.of("als", "source", LISTS, Ragged(np.zeros(4, np.int64), np.zeros(0, np.int32)))


def test_a_ceiling_rises_to_all_that_was_retrieved() -> None:
    ceiling = RecallCeiling.of("als", LISTS, TRUTH, [2, 1, 500])
    assert ceiling.sizes == (1, 2)  # 6 candidates for 3 users, and no depth beyond
    assert [each.mean for each in ceiling.recall] == [0.25, 1.0]


def test_a_set_without_order_has_one_size() -> None:
    ceiling = RecallCeiling.of("all", LISTS, TRUTH)
    assert ceiling.sizes == (2,)
    assert [each.mean for each in ceiling.recall] == [1.0]


def test_a_slice_is_the_mean_of_its_users() -> None:
    model = EvaluatedModel.of("als", "source", LISTS, TRUTH, ["recall@2"])
    part = Slice.of("x", "y", [model], np.array([False, True, True]), metric="recall@2")
    assert part.users == 1
    assert part.metrics["als"].mean == 1.0
    assert Slice.of("x", "y", [model], np.array([False, False, True]), metric="recall@2").metrics == {}


def test_survives_json_but_for_values_per_row(evaluation: Evaluation) -> None:
    content = to_json(evaluation)
    assert from_json(content) == evaluation  # values take no part in equality
    assert all(not each.values for each in from_json(content).models)
    assert all(each.values for each in evaluation.models)
    assert len(content) < 40_000


def test_another_format_is_refused_and_a_damaged_one_explained(evaluation: Evaluation) -> None:
    with pytest.raises(ReleaseError, match=r"format 3.*upgrade"):
        from_json(to_json(replace(evaluation, format=3)))
    with pytest.raises(ReleaseError, match=r"format 1.*evaluate again"):
        from_json(to_json(replace(evaluation, format=1)))
    for content in (b"", b"{}", b'{"format": 2}', to_json(evaluation)[:-40]):
        with pytest.raises(ReleaseError, match="cannot be read"):
            from_json(content)


def test_unknown_fields_of_a_later_shortlist_are_ignored(evaluation: Evaluation) -> None:
    content = msgspec.json.decode(to_json(evaluation))
    assert from_json(msgspec.json.encode({**content, "later": 1})) == evaluation


def test_the_leader_is_the_chosen_else_the_best(evaluation: Evaluation) -> None:
    assert evaluation.chosen == evaluation.choice.name == evaluation.leader.name
    undecided = replace(evaluation, choice=None)
    assert undecided.chosen is None
    best = max(each.metrics["ndcg@10"].mean for each in evaluation.models)
    assert undecided.leader.metrics["ndcg@10"].mean == best


def test_compared_are_the_leader_and_the_best_of_the_other_kinds(evaluation: Evaluation) -> None:
    assert [each.name for each in evaluation.compared] == [evaluation.chosen, "ease", "popular"]
