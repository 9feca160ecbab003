"""A call of a use case: a gapless trace, and what follows the answer."""

import pytest

from shortlist.base.errors import NotFoundError
from shortlist.pipeline.path import RECOMMEND
from shortlist.pipeline.slate import Stage
from shortlist.service.call import Call
from shortlist.service.requests import RankRequest, RecommendRequest, SimilarRequest


def test_every_moment_of_a_call_belongs_to_a_stage(service):
    call = Call()
    call.stage("receive")
    [slate] = service.recommend([RecommendRequest("u1")], call)
    names = [stage.stage for stage in slate.stages]
    assert names == ["receive", "read_state", *(stage.__name__ for stage in RECOMMEND), "assemble"]
    assert sum(stage.ms for stage in call.stages) == pytest.approx(call.took_ms)
    assert slate.took_ms == round(call.took_ms, 3)


def test_what_lies_between_the_stages_of_the_path_counts_for_the_next(monkeypatch):
    ticks = iter([1.0, 3.0])
    monkeypatch.setattr("shortlist.service.call.perf_counter", lambda: next(ticks))
    call = Call(began=0.0)
    call.stage("read_state")
    call.path([Stage("allow", 0, 0, 500.0), Stage("rank", 0, 9, 1000.0)])
    call.stage("assemble")
    assert [(stage.name, stage.ms) for stage in call.stages] == [
        ("read_state", 1000),
        ("allow", 500),
        ("rank", 1000),
        ("assemble", 500),
    ]
    assert call.took_ms == 3000


def test_exposures_and_counters_wait_for_the_end_of_a_call(service, store):
    call = Call("mine")
    [slate] = service.recommend([RecommendRequest("u1", 3)], call)
    assert store.exposed == []
    assert b'stage="rank"' not in service.metrics.page()
    call.finish()
    call.finish()
    [exposure] = store.exposed
    assert (exposure.request, exposure.release, exposure.kind, exposure.user) == (
        "mine",
        1,
        "recommend",
        "u1",
    )
    assert list(exposure.items) == [entry.item for entry in slate.items]
    assert b'shortlist_stage_candidates_total{side="out",stage="arrange"} 3.0' in service.metrics.page()


def test_without_a_call_they_are_done_at_once(service, store):
    service.recommend([RecommendRequest("u1", 3), RecommendRequest("u2", 3)])
    service.similar([SimilarRequest("f1", 2)])
    service.rank([RankRequest("u1", ["f1"])])
    assert [(each.kind, each.user) for each in store.exposed] == [
        ("recommend", "u1"),
        ("recommend", "u2"),
        ("similar", None),
        ("rank", "u1"),
    ]


def test_a_call_that_fails_exposes_nothing(service, store):
    with pytest.raises(NotFoundError):
        service.similar([SimilarRequest("unknown")])
    assert store.exposed == []
