"""The use cases over a real store and releases: one request and batches, traces, exposures, deletions, events."""

import dataclasses

import numpy as np
import pytest
from tests.films import FILMS, pipeline, users_films

from shortlist.base.errors import InvalidRequestError, NotFoundError, UnavailableError
from shortlist.pipeline.path import RECOMMEND
from shortlist.pipeline.release import load
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.service.call import Call
from shortlist.service.histories import histories_of
from shortlist.service.online_state import now
from shortlist.service.requests import (
    EventRequest,
    ExplainRequest,
    ExposureRequest,
    HistoryRequest,
    PredictRequest,
    PredictRow,
    RankRequest,
    RecommendRequest,
    SearchRequest,
    SimilarRequest,
)
from shortlist.service.service import Service
from shortlist.storage.releases import Releases
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent


class CountingStore:
    """A store that counts the calls of its methods."""

    def __init__(self, store):
        self._store, self.calls, self.exposed = store, [], []

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if not callable(value):
            return value

        def counted(*arguments):
            self.calls.append(name)
            return value(*arguments)

        return counted

    def expose(self, exposure):
        self.exposed.append(exposure)


@pytest.fixture
def store(home):
    store = SqliteStore(home.state)
    yield CountingStore(store)
    store.close()


@pytest.fixture
def service(home, publish, store):
    service = Service(store)
    activate(service, home, publish())
    store.calls.clear()
    return service


def activate(service, home, number, **parts):
    """Activate a release, with ``parts`` of its pipeline replaced."""
    releases = Releases(home)
    release = load(releases.open(number))
    changed = dataclasses.replace(release, pipeline=dataclasses.replace(release.pipeline, **parts))
    service.activate(releases.facts(number), changed if parts else release)


def event(event_id, user="u1", item="f0", at=1, name="rating", value=None):
    return AcceptedEvent(event_id, name, user, item, at, value)


def history(service, *users):
    view = service.state.view
    return histories_of(view, users, service.store.read_state(users, view.release.watermark))


def one(answers):
    [answer] = answers
    return answer


def items(answer):
    return [entry.item for entry in answer.items]


def parts(answer):
    """An answer without what differs between two calls; batches differ by rounding in float32."""
    values = [round(entry.value, 5) for entry in answer.items]
    return items(answer), values, [entry.reason for entry in answer.items], answer.degraded


# Without a release, without I/O


def test_without_a_release_it_says_so(store):
    service = Service(store)
    assert not service.is_ready
    with pytest.raises(UnavailableError, match="no release serves yet"):
        service.recommend([RecommendRequest("u1")])


def test_no_property_does_io(service, monkeypatch):
    class Failing:
        def __getattr__(self, name):
            raise AssertionError(f"{name} was called")

    monkeypatch.setattr(service.state, "_store", Failing())
    service.store = Failing()
    assert service.is_ready
    assert service.state.view.number == service.release_state().number == 1
    assert service.state.view.pipeline.events == ("rating", "click")
    assert service.state.view.event_codes == {"rating": 0, "click": 1}
    assert service.state.view.contexts.names == ()
    assert service.state.moment() > 0


# Batches


def test_a_batch_answers_as_each_request_alone(service, store):
    ahead = now() + 300_000_000
    store.accept([event("a", user="ahead", item="f7", at=ahead), event("b", user="u3", item="f9", at=now())])
    requests = [
        RecommendRequest("u1", 5),
        RecommendRequest("u2", 3, exclude=["f2", "f5", "unknown"]),
        RecommendRequest("ahead", 5),
        RecommendRequest("new", 60, where={"genres": "Comedy"}),
        RecommendRequest("u1", 5),
        RecommendRequest("u3", 5, where={"year": {"min": 1990}}, exclude=["f11"]),
        RecommendRequest("new", 60, where={"genres": "Comedy"}, exclude=["f0"]),
    ]
    alone = [one(service.recommend([request])) for request in requests]
    batch = service.recommend(requests, Call("mine"))
    assert [parts(each) for each in batch] == [parts(each) for each in alone]
    assert [each.user for each in batch] == ["u1", "u2", "ahead", "new", "u1", "u3", "new"]
    assert [each.request_id for each in batch] == [f"mine-{row}" for row in range(len(requests))]
    assert service.recommend([]) == []


def test_a_batch_of_similar_rank_and_search_answers_as_each_alone(service):
    for use_case, requests in [
        (service.similar, [SimilarRequest("f4", 5), SimilarRequest("f8", 9, {"genres": "Drama"})]),
        (
            service.rank,
            [
                RankRequest("u1", ["f1", "f1", "f2", "none"]),
                RankRequest("new", ["f9"]),
                RankRequest("u1", ["x"]),
            ],
        ),
        (
            service.search,
            [SearchRequest(item="f4", n=5), SearchRequest(item="f5", n=3, where={"genres": "Drama"})],
        ),
    ]:
        alone = [one(use_case([request])) for request in requests]
        assert [parts(each) for each in use_case(requests)] == [parts(each) for each in alone]


def test_conditions_that_python_calls_equal_are_still_two(service):
    with pytest.raises(InvalidRequestError, match=r"where\.year"):
        service.recommend(
            [RecommendRequest("u1", where={"year": 1}), RecommendRequest("u1", where={"year": True})]
        )


# The state: one question to the store, in a traced stage


def test_the_store_is_asked_once_for_a_request_and_once_for_a_batch(service, store):
    batch = [RecommendRequest(f"u{row}", 3) for row in range(30)]
    for use_case in (
        lambda: service.recommend([RecommendRequest("u1")]),
        lambda: service.recommend(batch),
        lambda: service.similar([SimilarRequest("f1")]),
        lambda: service.rank([RankRequest("u1", ["f1"])]),
        lambda: service.search([SearchRequest(item="f1")]),
        lambda: service.predict(PredictRequest([PredictRow("f1", "u1"), PredictRow("f2")])),
        lambda: service.explain(ExplainRequest("u1", ["f1"])),
        lambda: service.history(HistoryRequest("u1")),
    ):
        store.calls.clear()
        use_case()
        assert store.calls == ["read_state"]


def test_every_moment_of_a_call_belongs_to_a_stage(service):
    call = Call()
    call.stage("receive")
    slate = one(service.recommend([RecommendRequest("u1")], call))
    names = [stage.stage for stage in slate.stages]
    assert names == ["receive", "read_state", *(stage.__name__ for stage in RECOMMEND), "assemble"]
    assert sum(stage.ms for stage in call.stages) == pytest.approx(call.took_ms)
    assert slate.took_ms == round(call.took_ms, 3)


def test_what_lies_between_the_stages_of_the_path_counts_for_the_next(monkeypatch):
    ticks = iter([1.0, 3.0])
    monkeypatch.setattr("shortlist.service.call.perf_counter", lambda: next(ticks))
    from shortlist.pipeline.slate import Stage

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


# After the answer


def test_exposures_and_counters_wait_for_the_end_of_a_call(service, store):
    call = Call("mine")
    slate = one(service.recommend([RecommendRequest("u1", 3)], call))
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
    assert list(exposure.items) == items(slate)
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


def test_a_client_reports_what_it_showed(service, store):
    receipt = service.record_exposure(ExposureRequest(["f1", 7], "u1", "mine"))
    assert receipt.request_id == "mine"
    [exposure] = store.exposed
    assert (exposure.kind, exposure.user, exposure.items) == ("shown", "u1", ("f1", "7"))


class Broken:
    """A source that cannot answer now."""

    def encode(self, queries):
        raise UnavailableError("the index is being rebuilt")


def test_a_source_that_cannot_answer_is_named_and_counted(home, publish, service):
    sources = (SourceSlot("item_knn", 20, Broken()), service.state.view.pipeline.sources[1])
    activate(service, home, publish(), sources=sources)
    for answer in service.recommend([RecommendRequest("u1", 3), RecommendRequest("u2", 3)]):
        assert answer.degraded == ["source item_knn: the index is being rebuilt"]
        assert all(entry.sources == ["popular"] for entry in answer.items)
    assert b"shortlist_degraded_total 1.0" in service.metrics.page()


# Histories


def test_new_events_join_the_history_in_order_of_time(service, store):
    past = history(service, "u1")
    middle = int(past.at[3]) + 1
    store.accept([event("b", item="f0", at=now(), value=2.0), event("a", item="f3", at=middle, name="click")])
    joined = history(service, "u1")
    assert joined.offsets.tolist() == [0, 10]
    assert (np.diff(joined.at) >= 0).all()
    assert joined.items.tolist() == [*past.items[:4].tolist(), 3, *past.items[4:].tolist(), 0]
    assert joined.event.tolist() == [0] * 4 + [1] + [0] * 5
    assert np.isnan(joined.value[4])
    assert joined.value[-1] == 2.0
    assert joined.items.dtype == past.items.dtype
    assert joined.event.dtype == past.event.dtype
    assert joined.users.tolist() == ["u1"]


def test_histories_of_many_users_are_those_of_each(service, store):
    store.accept([event("a", user="u5", item="f0", at=now()), event("b", user="new", item="f1", at=now())])
    users = ["u5", "new", "u6", "unknown"]
    together = history(service, *users)
    for row, user in enumerate(users):
        assert together.take(np.array([row])).items.tolist() == history(service, user).items.tolist()
    assert together.lengths.tolist() == [9, 1, 8, 0]


def test_ties_stay_in_the_order_of_arrival(service, store):
    store.accept([event(str(n), user="tied", item=f"f{n}", at=5) for n in (4, 2, 9)])
    assert history(service, "tied").items.tolist() == [4, 2, 9]


def test_events_on_unknown_items_and_of_undeclared_kinds_are_passed_over(service, store):
    store.accept([event("a", item="not yet"), event("b", name="was removed"), event("c", item="f7")])
    assert history(service, "u1").items.tolist()[0] == 7
    assert len(history(service, "u1").items) == 9


def test_events_up_to_the_watermark_are_not_counted_twice(service, store, home, publish):
    store.accept([event("a", item="f0")])
    assert len(history(service, "u1").items) == 9
    activate(service, home, publish(watermark=store.sequence()))  # a release that has seen the event
    assert len(history(service, "u1").items) == 8


def test_a_forgotten_user_has_no_past(service, store):
    assert service.history(HistoryRequest("u1")).total == 8
    store.forget("u1")
    assert service.history(HistoryRequest("u1")).total == 0
    store.accept([event("again", item="f0", at=now())])
    assert [past.item for past in service.history(HistoryRequest("u1")).events] == ["f0"]


def test_a_posted_event_is_in_the_history_at_once(service):
    receipts = service.accept_events(
        [
            EventRequest("click", "new", "f3", event_id="1"),
            EventRequest("click", "new", "unknown", event_id="2"),
        ]
    )
    assert [(each.new, each.known_item) for each in receipts.accepted] == [(True, True), (True, False)]
    assert not service.accept_events([EventRequest("click", "new", "f3", event_id="1")]).accepted[0].new
    assert [past.item for past in service.history(HistoryRequest("new")).events] == ["f3"]


# Deletions, and releases


def test_a_deletion_is_seen_by_the_next_request_of_another_process(service, home):
    other = SqliteStore(home.state)
    best = items(one(service.recommend([RecommendRequest("u1", 1)])))[0]
    other.delete_item(best)
    assert best not in items(one(service.recommend([RecommendRequest("u1", FILMS)])))
    assert best not in items(one(service.similar([SimilarRequest("f1", FILMS)])))
    assert service.item(best).deleted
    ranked = one(service.rank([RankRequest("u1", [best])]))
    assert [(each.item, each.reason) for each in ranked.left_out] == [(best, "deleted")]
    other.restore_item(best)
    assert items(one(service.recommend([RecommendRequest("u1", 1)]))) == [best]
    other.close()


def test_deletions_outlive_releases(service, home, publish):
    best = items(one(service.recommend([RecommendRequest("u1", 1)])))[0]
    assert service.delete_item(best).known
    activate(service, home, publish())
    assert best not in items(one(service.recommend([RecommendRequest("u1", FILMS)])))


def test_everything_deleted_is_an_empty_slate(service, store):
    for n in range(FILMS):
        store.delete_item(f"f{n}")
    assert one(service.recommend([RecommendRequest("u1", 5)])).items == []
    assert one(service.similar([SimilarRequest("f1", 5)])).items == []


def test_a_release_that_fails_its_trial_leaves_the_old_one(service, home, new_release):
    before = service.state
    with pytest.raises(IndexError):
        activate(service, home, new_release(seed=1), popular=np.array([10_000], np.int32), sources=())
    assert service.state is before


def test_ranking_the_same_item_twice_gives_it_once(service):
    answer = one(service.rank([RankRequest("new", ["f1", "f1", "f2"])]))
    assert sorted(items(answer)) == ["f1", "f2"]
    assert answer.left_out == []


# Predictions, and Systems without sources or users


def test_predictions_keep_order_repeats_and_deleted_items(service, store):
    store.delete_item("f9")
    rows = [
        PredictRow("f9", "u1"),
        PredictRow("f4", "u1"),
        PredictRow("f9", "u1"),
        PredictRow("f4"),
        PredictRow("f4", 7),
    ]
    answer = service.predict(PredictRequest(rows))
    assert [(row.item, row.user) for row in answer.rows] == [
        ("f9", "u1"),
        ("f4", "u1"),
        ("f9", "u1"),
        ("f4", None),
        ("f4", "7"),
    ]
    assert answer.rows[0] == answer.rows[2]
    assert set(answer.rows[0].probabilities) == {"liked", "clicked"}
    for row, request in zip(answer.rows, rows, strict=True):
        alone = service.predict(PredictRequest([request])).rows[0]
        assert row.value == pytest.approx(alone.value, abs=1e-5)
    assert one(service.rank([RankRequest("u1", ["f4"])])).items[0].value == pytest.approx(
        answer.rows[1].value, abs=1e-5
    )
    with pytest.raises(NotFoundError):
        service.predict(PredictRequest([PredictRow("unknown")]))


def test_without_a_ranker_there_is_nothing_to_predict_with(service, home, publish):
    activate(service, home, publish(), ranker=None)
    with pytest.raises(InvalidRequestError, match="no ranker"):
        service.predict(PredictRequest([PredictRow("f1")]))


def test_a_system_without_sources_predicts_and_ranks_and_refuses_to_retrieve(store, home):
    from tests.films import sourceless_release

    service = Service(store)
    activate(service, home, sourceless_release(home))
    answer = service.predict(PredictRequest([PredictRow("f1", "u1"), PredictRow("f2", "u1")]))
    assert all(0 <= row.probabilities["liked"] <= 1 for row in answer.rows)
    ranked = one(service.rank([RankRequest("u1", ["f2", "f1"])]))
    assert sorted(items(ranked)) == ["f1", "f2"]
    for use_case in (
        lambda: service.recommend([RecommendRequest("u1")]),
        lambda: service.similar([SimilarRequest("f1")]),
        lambda: service.search([SearchRequest(item="f1")]),
    ):
        with pytest.raises(InvalidRequestError, match="no sources to retrieve items with"):
            use_case()
    explained = service.explain(ExplainRequest("u1", ["f1"])).items[0]
    assert explained.position is None
    assert explained.probabilities["liked"] == pytest.approx(answer.rows[0].probabilities["liked"])
    assert "no sources" in explained.sentence


def test_a_search_needs_something_to_search_for(service):
    with pytest.raises(InvalidRequestError, match="a picture, an item or a text"):
        service.search([SearchRequest(text="  ")])
    with pytest.raises(InvalidRequestError, match="crop"):
        service.search([SearchRequest(text="a", crop="auto")])
    found = one(service.search([SearchRequest(item="f4", n=3)]))
    assert "f4" not in items(found)
    assert found.items[0].attributes["year"] >= 1980


def test_explanations_agree_with_the_slate(service):
    first = one(service.recommend([RecommendRequest("u6", 5)])).items[0]
    explained = service.explain(ExplainRequest("u6", [first.item], 5)).items[0]
    assert explained.position == 1
    assert explained.value == pytest.approx(first.value, abs=1e-5)
    assert set(explained.retrieved_by) == set(first.sources)


def test_the_films_are_what_these_tests_take_them_for():
    assert pipeline(0).ranker is not None
    assert users_films(0).lengths.tolist() == [8] * 40
