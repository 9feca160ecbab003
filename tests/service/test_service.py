"""The use cases over a real store and releases: requests alone and in batches, exposures, events, deletions."""

import numpy as np
import pytest
from tests.films import FILMS, activate, pipeline, users_films

from shortlist.base.errors import InvalidRequestError, NotFoundError, UnavailableError
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.service.call import Call
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
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent


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
    store.accept(
        [
            AcceptedEvent("a", "rating", "ahead", "f7", ahead),
            AcceptedEvent("b", "rating", "u3", "f9", now()),
        ]
    )
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


# Exposures, and what was degraded


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


# Posted events


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
