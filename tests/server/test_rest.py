"""Every route over real HTTP."""

import time

import pytest

from shortlist.storage.sqlite import SqliteStore

GENRES = ("Comedy", "Drama", "Horror")


@pytest.fixture
def recommend(client):
    def recommend_(user, **body):
        answer = client.post("/v1/recommend", json={"user": user, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return recommend_


def keys(slate):
    return [entry["item"] for entry in slate["items"]]


def genre(item):
    return GENRES[int(item[1:]) % 3]


def test_recommend_gives_a_slate_with_reasons(client):
    answer = client.post("/v1/recommend", json={"user": "u1", "n": 5}, headers={"X-Request-ID": "mine-1"})
    slate = answer.json()
    assert answer.headers["x-request-id"] == slate["request_id"] == "mine-1"
    assert (slate["user"], slate["release"], slate["degraded"]) == ("u1", 1, [])
    assert slate["took_ms"] > 0
    assert "stages" not in slate
    assert "left_out" not in slate
    assert [entry["position"] for entry in slate["items"]] == [1, 2, 3, 4, 5]
    values = [entry["value"] for entry in slate["items"]]
    assert values == sorted(values, reverse=True)
    for entry in slate["items"]:
        assert genre(entry["item"]) == "Drama", "user 1 likes dramas"
        assert entry["title"] == f"Film {entry['item'][1:]}"
        assert set(entry["probabilities"]) == {"liked", "clicked"}
        assert all(0 <= p <= 1 for p in entry["probabilities"].values())
        assert "item_knn" in entry["sources"]
        assert entry["reason"].startswith("because of Film ")


def test_get_and_post_recommend_the_same(client, recommend):
    by_url = client.get("/v1/recommend", params={"user": "u2", "n": 7, "exclude": ["f2", "f5"]}).json()
    by_body = recommend("u2", n=7, exclude=["f2", "f5"])
    assert by_url["items"] == by_body["items"]
    assert not {"f2", "f5"} & set(keys(by_url))


def test_a_new_user_gets_what_is_popular(recommend):
    slate = recommend("new user", n=3)
    assert len(slate["items"]) == 3
    assert all(entry["sources"] == ["popular"] for entry in slate["items"])


def test_keys_may_be_numbers(client, recommend):
    event = {"event": "click", "user": 7, "item": "f3"}
    assert client.post("/v1/events", json=event).status_code == 200
    assert recommend(7, n=3)["user"] == "7"
    history = client.get("/v1/users/7/history").json()
    assert [past["item"] for past in history["events"]] == ["f3"]


def test_more_than_the_catalogue_is_the_whole_allowed_catalogue(recommend):
    slate = recommend("u3", n=1000)
    assert len(slate["items"]) == len(set(keys(slate))) == 60 - 8, "all but what u3 has seen"


def test_where_asks_for_attributes(client, recommend):
    where = {"genres": ["Comedy", "Horror"], "year": {"min": 1990, "max": 2010}}
    slate = recommend("u1", n=50, where=where)
    assert slate["items"]
    assert {genre(item) for item in keys(slate)} <= {"Comedy", "Horror"}
    assert all(1990 <= 1980 + int(item[1:]) <= 2010 for item in keys(slate))
    by_url = client.get("/v1/recommend?user=u1&n=50&where=" + '{"genres":"Comedy"}').json()
    assert {genre(item) for item in keys(by_url)} == {"Comedy"}


def test_nothing_allowed_is_an_empty_slate(recommend):
    assert recommend("u1", where={"year": {"min": 3000}})["items"] == []


def test_the_trace_accounts_for_the_whole_request(client):
    slate = client.get("/v1/recommend?user=u1&trace=true").json()
    names = [stage["stage"] for stage in slate["stages"]]
    assert "retrieve" in names
    assert "rank" in names
    assert names[:2] == ["receive", "read_state"]
    assert names[-2:] == ["reasons", "assemble"]
    assert slate["stages"][-2]["after"] == len(slate["items"])
    assert sum(stage["ms"] for stage in slate["stages"]) == pytest.approx(slate["took_ms"], abs=0.01)
    assert all(stage["ms"] >= 0 for stage in slate["stages"])


def test_similar_leaves_the_anchor_out(client):
    slate = client.post("/v1/similar", json={"item": "f4", "n": 6}).json()
    assert len(slate["items"]) == 6
    assert "f4" not in keys(slate)
    assert {genre(item) for item in keys(slate)[:3]} == {"Drama"}
    assert slate["items"][0]["reason"] == "because of Film 4"
    assert slate["user"] is None


def test_rank_orders_the_given_items_and_says_what_it_left_out(client):
    given = ["f3", "f4", "nowhere", "f9", "f4", 5]
    slate = client.post("/v1/rank", json={"user": "new user", "items": given}).json()
    assert sorted(keys(slate)) == ["f3", "f4", "f9"]
    values = [entry["value"] for entry in slate["items"]]
    assert values == sorted(values, reverse=True)
    assert slate["left_out"] == [
        {"item": "nowhere", "reason": "unknown item"},
        {"item": "5", "reason": "unknown item"},
    ]
    assert slate["items"][0]["reason"] == "given"


def test_rank_leaves_out_what_filters_drop(client):
    seen = client.get("/v1/users/u5/history").json()["events"][0]["item"]
    slate = client.post("/v1/rank", json={"user": "u5", "items": [seen]}).json()
    assert slate["items"] == []
    assert slate["left_out"] == [{"item": seen, "reason": "filtered"}]


def test_explain_says_why_and_why_not(client, recommend):
    first = keys(recommend("u6", n=1))[0]
    seen = client.get("/v1/users/u6/history").json()["events"][0]["item"]
    answer = client.post("/v1/explain", json={"user": "u6", "items": [first, seen]}).json()
    why, why_not = answer["items"]
    assert why["position"] == 1
    assert why["retrieved_by"]
    assert set(why["contributions"]) == {"liked", "clicked"}
    assert f"Film {first[1:]} is no. 1" in why["sentence"]
    assert why_not["position"] is None
    assert why_not["filtered_by"] == ["already seen"]


def test_a_posted_event_is_in_the_next_request(client, recommend):
    first = keys(recommend("u7", n=1))[0]
    answer = client.post("/v1/events", json={"event": "rating", "user": "u7", "item": first, "value": 5})
    [receipt] = answer.json()["accepted"]
    assert receipt["new"]
    assert receipt["known_item"]
    assert receipt["event_id"]
    assert first not in keys(recommend("u7", n=1000)), "already seen now"
    newest = client.get("/v1/users/u7/history?n=1").json()
    assert newest["total"] == 9
    assert newest["events"][0]["item"] == first
    assert newest["events"][0]["value"] == 5


def test_events_steer_the_slate(client, recommend):
    for item in ("f0", "f3", "f6", "f9"):
        event = {"event": "rating", "user": "turning", "item": item, "value": 5}
        assert client.post("/v1/events", json=event).status_code == 200
    assert {genre(item) for item in keys(recommend("turning", n=5))} == {"Comedy"}


def test_an_event_of_a_clock_that_runs_ahead_is_seen_too(client, recommend):
    event = {"event": "click", "user": "ahead", "item": "f1", "at": time.time() + 120}
    assert client.post("/v1/events", json=event).status_code == 200
    assert "f1" not in keys(recommend("ahead", n=1000))


def test_an_event_id_makes_posting_again_harmless(client):
    event = {"event": "click", "user": "again", "item": "f1", "event_id": "e-1"}
    receipts = [client.post("/v1/events", json=event).json()["accepted"][0] for _ in range(3)]
    assert [receipt["new"] for receipt in receipts] == [True, False, False]
    assert {receipt["event_id"] for receipt in receipts} == {"e-1"}
    assert client.get("/v1/users/again/history").json()["total"] == 1


def test_an_event_with_its_time_gets_its_id_from_its_fields(client):
    event = {"event": "rating", "user": "timed", "item": "f1", "value": 3, "at": "2026-01-31T12:00:00Z"}
    same = {**event, "at": 1769860800}
    other = {**event, "value": 4}
    receipts = client.post("/v1/events", json=[event, same, other]).json()["accepted"]
    assert [receipt["new"] for receipt in receipts] == [True, False, True]
    history = client.get("/v1/users/timed/history").json()["events"]
    assert [past["at"] for past in history] == ["2026-01-31T12:00:00Z"] * 2


def test_events_without_a_time_are_each_their_own(client):
    event = {"event": "click", "user": "twice", "item": "f1"}
    receipts = client.post("/v1/events", json=[event, event]).json()["accepted"]
    assert [receipt["new"] for receipt in receipts] == [True, True]


def test_an_event_on_an_unknown_item_is_kept_and_said(client, shared_home):
    event = {"event": "click", "user": "early", "item": "not yet", "event_id": "early-1"}
    [receipt] = client.post("/v1/events", json=event).json()["accepted"]
    assert receipt == {"event_id": "early-1", "new": True, "known_item": False}
    assert client.get("/v1/users/early/history").json() == {"user": "early", "total": 0, "events": []}
    store = SqliteStore(shared_home.state)
    assert [kept.item for kept in store.read_state(["early"], 0).events[0]] == ["not yet"]
    store.close()


def test_a_deleted_item_is_in_no_answer_until_it_is_restored(client, recommend):
    item = keys(recommend("u8", n=1))[0]
    assert client.delete(f"/v1/items/{item}").json() == {"item": item, "deleted": True, "known": True}
    assert item not in keys(recommend("u8", n=1000))
    assert item not in keys(client.post("/v1/similar", json={"item": "f8", "n": 1000}).json())
    ranked = client.post("/v1/rank", json={"user": "u8", "items": [item]}).json()
    assert ranked["left_out"] == [{"item": item, "reason": "deleted"}]
    [why_not] = client.post("/v1/explain", json={"user": "u8", "items": [item]}).json()["items"]
    assert why_not["position"] is None
    assert client.get(f"/v1/items/{item}").json()["deleted"] is True
    assert client.put(f"/v1/items/{item}").json() == {"item": item, "deleted": False, "known": True}
    assert keys(recommend("u8", n=1)) == [item]


def test_an_item_can_be_deleted_before_it_is_known(client):
    assert client.delete("/v1/items/from/tomorrow%20on").json() == {
        "item": "from/tomorrow on",
        "deleted": True,
        "known": False,
    }


def test_an_item_has_its_attributes(client):
    assert client.get("/v1/items/f4").json() == {
        "item": "f4",
        "title": "Film 4",
        "deleted": False,
        "attributes": {"title": "Film 4", "genres": ["Drama"], "year": 1984.0},
    }


def test_the_release_tells_what_it_is(client):
    release = client.get("/v1/release").json()
    assert release["number"] == 1
    assert (release["items"], release["users"]) == (60, 40)
    assert release["events"] == ["rating", "click"]
    assert release["sources"] == ["item_knn", "popular"]
    assert release["facts"] == {"seed": 0}


def test_health_and_readiness(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"release": 1}


def test_request_ids_that_could_do_harm_are_replaced(client):
    for bad in ("with space", "a" * 200, "<script>"):
        given = client.get("/health", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert given != bad
        assert len(given) == 32


def test_what_was_shown_is_logged(client, shared_home, recommend):
    slate = recommend("watched", n=4)
    similar = client.post("/v1/similar", json={"item": "f1", "n": 2}).json()
    store = SqliteStore(shared_home.state)
    until = time.monotonic() + 5
    rows = []
    while len(rows) < 6 and time.monotonic() < until:
        frames = list(store.exposures())
        ours = {slate["request_id"], similar["request_id"]}
        rows = [row for frame in frames for row in frame.rows(named=True) if row["request"] in ours]
        time.sleep(0.05)
    store.close()
    assert [(row["item"], row["place"]) for row in rows if row["user"]] == [
        (item, rank) for rank, item in enumerate(keys(slate), 1)
    ]
    assert {(row["kind"], row["user"], row["release"]) for row in rows} == {
        ("recommend", "watched", 1),
        ("similar", None, 1),
    }


def test_metrics_count_what_happened(client, recommend):
    def counted(line):
        for row in client.get("/metrics").text.splitlines():
            if row.startswith(line + " "):
                return float(row.split()[-1])
        return 0.0

    route = 'shortlist_requests_total{route="/v1/recommend",status="200"}'
    new, again = (f'shortlist_events_total{{outcome="{kind}"}}' for kind in ("new", "duplicate"))
    out = 'shortlist_stage_candidates_total{side="out",stage="arrange"}'
    before = {name: counted(name) for name in (route, new, again, out)}
    recommend("u1", n=5)
    event = {"event": "click", "user": "counted", "item": "f1", "event_id": "counted-1"}
    client.post("/v1/events", json=[event, event])
    assert counted(route) == before[route] + 1
    assert counted(new) == before[new] + 1
    assert counted(again) == before[again] + 1
    assert counted(out) == before[out] + 5
    assert counted("shortlist_release") == 1
    assert counted('shortlist_request_seconds_count{route="/v1/recommend"}') >= 1
    assert counted("shortlist_degraded_total") == 0
    assert 'route="/nothing' not in client.get("/metrics").text, "unknown paths do not become labels"
