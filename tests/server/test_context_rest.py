"""Context end to end: from a column of a table, through training and a release, to posted events and requests."""

import httpx
import numpy as np
import polars as pl
import pytest

from shortlist import Automatic, Count, Entity, Event, LogisticRegression, Objective, Popular, System, Table
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.pipeline.release import load, save
from shortlist.server.server import running
from shortlist.service.histories import histories_of
from shortlist.service.requests import ExplainRequest
from shortlist.service.service import Service
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases
from shortlist.storage.sqlite import SqliteStore
from shortlist.training.fit import fit

ITEMS, USERS = 40, 80
DEVICES = ("tv", "mobile")


def visits() -> pl.DataFrame:
    """On a tv users watch the first half of the items, on a mobile the second; their first event has no device."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(USERS):
        seen = [rng.permutation(ITEMS // 2), rng.permutation(ITEMS // 2) + ITEMS // 2]
        for n in range(12):
            device = int(rng.random() < 0.5)
            context = DEVICES[device] if n else None
            rows.append((f"u{user}", f"i{seen[device][n]:02}", 1_700_000_000 + 86_400 * n + user, context))
    return pl.DataFrame(rows, schema=["user", "item", "at", "kind"], orient="row")


views = Event("view", Table(visits()), at="at", context={"device": "kind"})
system = System(
    name="tv",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular(quota=ITEMS)],
    rankers=[LogisticRegression()],
    features=[
        Automatic(),
        Count(views, by=("item", "device")),
        Count(views, by=("item", "device"), window="1d"),
    ],
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tv")
    home = Home.open(folder / "home")
    ingest(system, home, folder)
    data = load_dataset(system, home)
    trained = fit(system, data.items, data.histories, contexts=data.contexts)

    def write(path):
        pipeline = trained.rankers["logistic_regression"]
        save(path, system, pipeline, data.users, data.histories, 0)

    releases = Releases(home)
    releases.publish(releases.add(write, {}))
    return home


@pytest.fixture(scope="module")
def client(home):
    with running(home) as address, httpx.Client(base_url=address, timeout=20) as client:
        yield client


def first_half(slate) -> float:
    """The part of a slate that is of the items which users watch on a tv."""
    return float(np.mean([int(entry["item"][1:]) < ITEMS // 2 for entry in slate["items"]]))


def test_a_request_in_another_context_gets_another_slate(client):
    def slate(**context):
        answer = client.post("/v1/recommend", json={"user": "unknown", "n": 10, "context": context})
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert first_half(slate(device="tv")) > 0.8
    assert first_half(slate(device="mobile")) < 0.2
    values = [
        [entry["value"] for entry in slate(**context)["items"]] for context in ({}, {"device": "fridge"})
    ]
    assert values[0] == values[1], "a value that training did not see counts as missing"


def test_every_route_that_ranks_takes_a_context(client):
    context = '{"device": "tv"}'
    by_url = client.get("/v1/recommend", params={"user": "unknown", "n": 10, "context": context}).json()
    assert first_half(by_url) > 0.8
    similar = client.post("/v1/similar", json={"item": "i30", "n": 10, "context": {"device": "tv"}}).json()
    assert first_half(similar) > 0.8
    given = {"user": "unknown", "items": ["i30", "i01"], "context": {"device": "tv"}}
    assert client.post("/v1/rank", json=given).json()["items"][0]["item"] == "i01"
    [explained] = client.post("/v1/explain", json={**given, "items": ["i01"]}).json()["items"]
    assert explained["features"]["device=tv"] == 1
    assert explained["features"]["item_device_view_count"] > 0


def test_posted_events_have_their_context(client, home):
    event = {"event": "view", "user": "new", "item": "i05", "context": {"device": "tv"}, "event_id": "c1"}
    assert client.post("/v1/events", json=event).json()["accepted"][0]["new"]
    store = SqliteStore(home.state)
    assert [each.context for each in store.read_state(["new"], 0).events[0]] == [{"device": "tv"}]
    releases = Releases(home)
    service = Service(store)
    service.activate(releases.facts(1), load(releases.open(1)))
    view = service.state.view
    history = histories_of(view, ["new"], store.read_state(["new"], 0))
    assert history.context.tolist() == view.contexts.codes([{"device": "tv"}]).tolist()
    counts = {}
    for device in DEVICES:
        [explained] = service.explain(ExplainRequest("new", ["i05"], 5, {"device": device})).items
        counts[device] = explained.features["item_device_view_count_1d"]
    assert counts == {"tv": 1, "mobile": 0}, "the features of items follow what is accepted"
    store.close()


def test_events_that_differ_in_context_alone_are_two(client):
    event = {"event": "view", "user": "twice", "item": "i05", "at": 1_700_000_000}
    ids = [
        client.post("/v1/events", json=event | extra).json()["accepted"][0]["event_id"]
        for extra in ({}, {"context": {}}, {"context": {"device": "tv"}})
    ]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("recommend", {"user": "u", "context": {"devise": "tv"}}, "context.devise"),
        ("similar", {"item": "i01", "context": {"devise": "tv"}}, "context.devise"),
        ("rank", {"user": "u", "items": ["i01"], "context": {"devise": "tv"}}, "context.devise"),
        (
            "events",
            {"event": "view", "user": "u", "item": "i01", "context": {"devise": "tv"}},
            "context.devise",
        ),
        (
            "events",
            [{"event": "view", "user": "u", "item": "i01", "context": {"devise": "tv"}}],
            "[0].context.devise",
        ),
        ("recommend", {"user": "u", "context": {"device": 7}}, "context"),
        ("recommend", {"user": "u", "context": {"device": ""}}, "context"),
    ],
)
def test_an_undeclared_context_is_an_error_that_names_it(client, route, body, field):
    answer = client.post(f"/v1/{route}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"].startswith(field)
    if "devise" in field:
        assert "did you mean 'device'?" in answer.json()["detail"]


def test_a_context_in_a_url_is_json(client):
    answer = client.get("/v1/recommend", params={"user": "u", "context": "device=tv"})
    assert answer.status_code == 400
    assert answer.json()["field"] == "context"
