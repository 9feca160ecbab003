"""Bad input gets a 4xx that names the field; nothing a client sends makes a 5xx."""

import json
import logging
import sqlite3
import time

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shortlist.pipeline.release import load
from shortlist.server.server import running

EVENT = {"event": "rating", "user": "u1", "item": "f1"}


@pytest.mark.parametrize(
    ("path", "body", "field", "words"),
    [
        ("recommend", {}, "user", "missing required"),
        ("recommend", {"user": ""}, "user", "length >= 1"),
        ("recommend", {"user": "u" * 600}, "user", "length <= 512"),
        ("recommend", {"user": 1.5}, "user", "int | str"),
        ("recommend", {"user": None}, "user", "int | str"),
        ("recommend", {"user": "u1", "n": 0}, "n", ">= 1"),
        ("recommend", {"user": "u1", "n": 1001}, "n", "<= 1000"),
        ("recommend", {"user": "u1", "n": "five"}, "n", "int"),
        ("recommend", {"user": "u1", "n": 2.5}, "n", "int"),
        ("recommend", {"user": "u1", "items": []}, "items", "unknown field"),
        ("recommend", {"user": "u1", "exclude": ["f1", {}]}, "exclude[1]", "int | str"),
        ("recommend", {"user": "u1", "where": {"genre": "Drama"}}, "where.genre", "did you mean 'genres'?"),
        ("recommend", {"user": "u1", "where": {"year": {"from": 1}}}, "where.year", "min, max"),
        ("recommend", {"user": "u1", "where": {"year": "old"}}, "where.year", "number"),
        ("recommend", {"user": "u1", "where": []}, "where", "object"),
        ("recommend", [], "body", "object"),
        ("similar", {"n": 3}, "item", "missing required"),
        ("rank", {"user": "u1", "items": []}, "items", "length >= 1"),
        ("rank", {"user": "u1", "items": ["f1"] * 1001}, "items", "length <= 1000"),
        ("explain", {"user": "u1"}, "items", "missing required"),
        ("events", {**EVENT, "event": "ratng"}, "event", "did you mean 'rating'?"),
        ("events", [EVENT, {**EVENT, "event": "bought"}], "[1].event", "known: 'click', 'rating'"),
        ("events", [EVENT, {**EVENT, "value": "good"}], "[1].value", "float"),
        ("events", {**EVENT, "value": 1e300}, "value", "finite"),
        ("events", {**EVENT, "at": time.time() + 3600}, "at", "future"),
        ("events", {**EVENT, "at": time.time() * 1000}, "at", "not milliseconds"),
        ("events", {**EVENT, "at": "9999-12-31T23:59:59Z"}, "at", "future"),
        ("events", {**EVENT, "at": -1}, "at", "before 1970"),
        ("events", {**EVENT, "at": "0001-01-01T00:00:00Z"}, "at", "before 1970"),
        ("events", {**EVENT, "at": "yesterday"}, "at", "RFC3339"),
        ("events", {**EVENT, "time": 1}, "time", "unknown field"),
        ("events", [], "body", "1 to 1000 events"),
        ("events", [EVENT] * 1001, "body", "1 to 1000 events"),
    ],
)
def test_a_wrong_field_is_named(client, path, body, field, words):
    answer = client.post(f"/v1/{path}", json=body)
    problem = answer.json()
    assert answer.status_code == problem["status"] == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["field"] == field
    assert words in problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "user"),
        ("user=", "user"),
        ("user=u1&n=0", "n"),
        ("user=u1&n=many", "n"),
        ("user=u1&trace=perhaps", "trace"),
        ("user=u1&where=Drama", "where"),
        ("user=u1&where=[1]", "where"),
    ],
)
def test_a_wrong_parameter_is_named(client, query, field):
    answer = client.get(f"/v1/recommend?{query}")
    assert answer.status_code == 400
    assert answer.json()["field"] == field


@pytest.mark.parametrize("content", ["", "{", "user=u1", "\xff", '{"user": NaN}', '{"user": "\\ud800"}'])
def test_what_is_no_json_is_said(client, content):
    answer = client.post("/v1/recommend", content=content.encode("latin-1"))
    assert answer.status_code == 400
    assert answer.json()["field"] == "body"


def test_a_rejected_batch_leaves_nothing(client):
    bad = [{**EVENT, "user": "whole or not", "event_id": "kept?"}, {**EVENT, "event": "unknown"}]
    assert client.post("/v1/events", json=bad).status_code == 400
    assert client.get("/v1/users/whole or not/history").json()["total"] == 0


def test_too_large_a_body_is_refused(client):
    answer = client.post("/v1/events", content=b" " * (2 << 20))
    assert answer.status_code == 413
    assert answer.json()["field"] == "body"


def test_deep_nesting_is_refused(client):
    deep = '{"user": "u1", "where": {"genres": ' + "[" * 100_000 + "]" * 100_000 + "}}"
    assert client.post("/v1/recommend", content=deep).status_code == 400


@pytest.mark.parametrize("path", ["/v1/items/nothing", "/nothing", "/v1/nothing"])
def test_what_is_not_there_is_404(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["title"] == "Not Found"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("similar", {"item": "nothing"}), ("explain", {"user": "u1", "items": ["f1", "nothing"]})],
)
def test_an_unknown_item_is_404(client, path, body):
    answer = client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 404
    assert "no item 'nothing' in the catalogue of release 1" in answer.json()["detail"]


def test_another_method_is_405(client):
    assert client.put("/v1/recommend", json={}).status_code == 405


def test_a_fault_of_ours_is_500_and_keeps_its_secrets(home, publish, caplog):
    publish()

    def read(folder):
        release = load(folder)
        object.__setattr__(release, "histories_of", lambda users: 1 / ("trap" not in users))
        return release

    with running(home, read=read) as address, caplog.at_level(logging.ERROR, "shortlist.server"):
        answer = httpx.get(f"{address}/v1/recommend?user=trap", headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert answer.json() == {
        "title": "Internal Server Error",
        "status": 500,
        "detail": "this is a fault of the server; its log has the details under the request id",
        "request_id": "find-me",
    }
    assert "find-me" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_store_that_cannot_write_is_503_and_slates_go_on(home, publish, monkeypatch, caplog):
    publish()
    monkeypatch.setattr("shortlist.storage.sqlite_schema._LOCK_TIMEOUT", 0.05)
    with running(home) as address, caplog.at_level(logging.ERROR, "shortlist.server"):
        holder = sqlite3.connect(home.state, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        answer = httpx.post(f"{address}/v1/events", json={**EVENT, "event_id": "kept-1"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert str(home.path) not in answer.text
        assert answer.json()["request_id"] in caplog.text
        assert "another process held it" in caplog.text
        assert httpx.get(f"{address}/v1/recommend?user=u1").status_code == 200
        holder.execute("ROLLBACK")
        holder.close()
        again = httpx.post(f"{address}/v1/events", json={**EVENT, "event_id": "kept-1"})
        assert again.json()["accepted"][0]["new"], "what was not acknowledged did not happen"


words = st.sampled_from(["u1", "f1", "rating", "genres", "Drama", "", "\x00", "ü", "0"])
numbers = (
    st.integers() | st.floats() | st.sampled_from([0, 1, -1, 20, 1000, 2**31, 2**63, 10**30, 1e38, -0.0])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | words | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.just("min"), inner, max_size=3),
    max_leaves=6,
)
fields = ["user", "item", "items", "n", "where", "exclude", "event", "value", "at", "event_id", "other"]
sound = {"user": words, "item": words, "event": st.just("rating"), "items": st.lists(words, max_size=3)}
bodies = (
    st.dictionaries(st.sampled_from(fields), values, max_size=6)
    | st.fixed_dictionaries({}, optional={name: sound.get(name, values) for name in fields})
    | st.fixed_dictionaries({"user": words}, optional={"where": values, "n": numbers, "exclude": values})
    | st.fixed_dictionaries(
        {name: st.just(value) for name, value in EVENT.items()}, optional={"at": numbers, "value": numbers}
    )
    | values
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(["recommend", "similar", "rank", "events", "explain"]), body=bodies)
@example(path="recommend", body={"user": "u1", "where": {"item": "f1"}})
@example(path="recommend", body={"user": "u1", "where": {"year": 10**30}})
@example(path="recommend", body={"user": "u1", "where": {"year": {"min": 10**400}}})
@example(path="recommend", body={"user": "u1", "where": {"title": ["\x00"]}})
@example(path="events", body={**EVENT, "user": 10**30, "item": "\x00"})
def test_no_body_whatever_makes_a_5xx(client, path, body):
    answer = client.post(f"/v1/{path}", content=json.dumps(body))
    assert answer.status_code in {200, 400, 404}, answer.text
    if answer.status_code == 400:
        assert answer.json()["field"], "the field is named"
