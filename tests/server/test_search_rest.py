"""Search over real HTTP: by photo, item and text; hostile uploads; items that come and go while searching."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

pytest.importorskip("PIL", reason="pictures need the extra 'vision'")

from shortlist import Category, Entity, Group, Image, Match, Number, System, Table, Text, Visual
from shortlist.base.users import NO_USERS
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.pipeline.release import save
from shortlist.retrieval.bm25 import BM25
from shortlist.server.server import running
from shortlist.storage.releases import Releases
from shortlist.testing.colours import COLOURS, Colours, photo, shop
from shortlist.training.fit import fit

system = System(
    name="shop",
    item=Entity(
        "key",
        Table(shop()),
        photo=Image("file"),
        title="name",
        name=Text("name"),
        product=Category("product"),
        price=Number("price"),
    ),
    objectives=[Match("same product", by="product")],
    sources=[Visual(on="photo", encoder=Colours(), quota=24), BM25(on=("name",))],
    order=[Group(by="product")],
)


@pytest.fixture
def client(home, tmp_path, monkeypatch):
    monkeypatch.setenv("SHORTLIST_CACHE", str(tmp_path / "cache"))
    ingest(system, home, tmp_path)
    data = load_dataset(system, home)
    pipeline = fit(system, data.items, data.histories).retrieval
    number = Releases(home).add(
        lambda folder: save(folder, system, pipeline, NO_USERS, data.histories, 0), {}
    )
    Releases(home).publish(number)
    with running(home) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def search(client, **body):
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def titles(results) -> list[str]:
    return [entry["title"] for entry in results["items"]]


def test_a_photo_finds_what_looks_like_it_and_each_product_once(client):
    for index, colour in enumerate(COLOURS):
        results = search(client, picture=base64_of(photo(colour, seed=999 + index)), n=5)
        assert {*titles(results)[:2]} == {f"{colour} ball", f"{colour} cup"}
        assert len({entry["attributes"]["product"] for entry in results["items"]}) == len(results["items"])
        best = results["items"][0]
        assert best["scores"]["visual"] > 0.95
        assert "looks" in best["reason"]
        shown = client.get(f"/v1/pictures/{best['picture']}")
        assert shown.headers["content-type"] == "image/jpeg"
        assert shown.content.startswith(b"\xff\xd8")


def test_an_upload_finds_the_same_as_json(client):
    data = photo("blue", seed=77)
    by_json = search(client, picture=base64_of(data), n=4, crop="auto", where={"price": {"max": 4}})
    form = {"n": "4", "crop": "auto", "where": '{"price": {"max": 4}}'}
    answer = client.post("/v1/search/upload", files={"picture": ("photo.png", data)}, data=form)
    assert answer.status_code == 200, answer.text
    assert titles(answer.json()) == titles(by_json)
    assert by_json["crop"] != [0, 0, 1, 1]
    assert all(entry["attributes"]["price"] <= 4 for entry in by_json["items"])


def test_an_item_finds_its_like_but_not_itself(client):
    results = search(client, item="red-0", n=3)
    assert titles(results)[0] == "red ball"
    assert "red-0" not in [entry["item"] for entry in results["items"]]


def test_a_text_finds_items_with_its_words_and_nothing_else(client):
    results = search(client, text="green CUPS", n=20)
    assert titles(results)[0] == "green cup"
    assert {title for title in titles(results) if "green" not in title and "cup" not in title} == set()
    assert "says" in results["items"][0]["reason"]
    assert search(client, text="bicycle")["items"] == []


def test_a_photo_and_a_text_together(client):
    results = search(client, picture=base64_of(photo("red", seed=5)), text="cup", n=3)
    assert titles(results)[0] == "red cup"


def test_a_crop_searches_with_that_part_only(client):
    from PIL import Image as Pillow

    both = Pillow.new("RGB", (128, 64))
    both.paste(Pillow.open(io.BytesIO(photo("red"))), (0, 0))
    both.paste(Pillow.open(io.BytesIO(photo("blue"))), (64, 0))
    file = io.BytesIO()
    both.save(file, "PNG")
    left = search(client, picture=base64_of(file.getvalue()), crop=[0, 0, 0.5, 1], n=2)
    right = search(client, picture=base64_of(file.getvalue()), crop=[0.5, 0, 1, 1], n=2)
    assert all("red" in title for title in titles(left))
    assert all("blue" in title for title in titles(right))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"text": "  "}, "body"),
        ({"text": "red", "crop": "auto"}, "crop"),
        ({"picture": "no base64!"}, "picture"),
        ({"picture": base64_of(b"not a picture at all")}, "picture"),
        ({"picture": base64_of(photo("red")[:60])}, "picture"),
        ({"picture": base64_of(photo("red")), "crop": [0.5, 0, 0.5, 1]}, "crop"),
        ({"picture": base64_of(photo("red")), "crop": [0, 0, 2, 1]}, "crop"),
        ({"text": "red", "where": {"prise": 1}}, "where.prise"),
        ({"text": "red", "n": 0}, "n"),
    ],
)
def test_bad_searches_name_the_field(client, body, field):
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 400
    assert answer.json()["field"].startswith(field), answer.text
    assert client.post("/v1/search", json={"item": "nothing"}).status_code == 404


def test_a_new_item_is_found_at_once_and_survives_a_restart(client, home):
    posted = {
        "item": "red-new",
        "attributes": {"title": "red kite", "name": "red kite", "product": "red kite", "price": 9.5},
        "pictures": [base64_of(photo("red", seed=4321))],
    }
    receipt = client.post("/v1/items", json=posted).json()
    assert receipt["new"] is True
    assert "red kite" in titles(search(client, picture=base64_of(photo("red", seed=4321)), n=5))
    assert titles(search(client, text="kite")) == ["red kite"]
    with running(home) as address, httpx.Client(base_url=address, timeout=30) as again:
        assert titles(search(again, text="kite")) == ["red kite"]
        assert "red kite" in titles(search(again, picture=base64_of(photo("red", seed=4321)), n=5))
    assert client.post("/v1/items", json=posted).json()["new"] is False


@pytest.mark.parametrize(
    ("posted", "field"),
    [
        ({"item": "x", "attributes": {"prise": 1}}, "attributes.prise"),
        ({"item": "x", "attributes": {"price": "much"}}, "attributes.price"),
        ({"item": "x", "attributes": {"title": ["a"]}}, "attributes.title"),
        ({"item": "x", "pictures": ["?"]}, "pictures[0]"),
        ({"item": "x", "pictures": [base64_of(b"GIF89a")]}, "picture"),
    ],
)
def test_a_bad_item_is_refused_and_nothing_is_kept(client, posted, field):
    answer = client.post("/v1/items", json=posted)
    assert answer.status_code == 400
    assert answer.json()["field"] == field, answer.text
    assert client.get("/v1/items/x").status_code == 404


def test_a_deleted_item_is_never_returned_until_it_is_restored(client):
    rng = np.random.default_rng(0)
    keys = [f"green-{number}" for number in range(4)]
    wanted = base64_of(photo("green", seed=6))

    def returned() -> set[str]:
        return {entry["item"] for entry in search(client, picture=wanted, n=20)["items"]}

    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            key = str(rng.choice(keys))
            assert client.delete(f"/v1/items/{key}").status_code == 200
            assert all(key not in items for items in pool.map(lambda _: returned(), range(4)))
            assert client.put(f"/v1/items/{key}").status_code == 200


def test_serving_needs_no_torch(client):
    import subprocess
    import sys

    code = "import sys, shortlist.server.app, shortlist.retrieval.visual; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
