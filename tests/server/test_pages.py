"""The pages and the OpenAPI document of a running server."""

import re
from html import unescape

import pytest


def test_the_front_door_has_links_that_work(client):
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    links = re.findall(r'href="(/[^"]*)"', page.text)
    assert "/schema" in links
    for link in links:
        assert client.get(link, follow_redirects=True).status_code == 200, link


@pytest.mark.parametrize("path", ["/", "/schema"])
def test_pages_need_nothing_from_elsewhere(client, path):
    page = client.get(path, follow_redirects=True).text
    assert not re.findall(r'(?:src|href)="(?!/|data:)', page)
    assert "@import" not in page


def test_every_route_is_described_with_its_answers(client):
    document = client.get("/schema/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        "/v1/recommend",
        "/v1/similar",
        "/v1/rank",
        "/v1/predict",
        "/v1/explain",
        "/v1/events",
        "/v1/exposures",
        "/v1/users/{user}/history",
        "/v1/search",
        "/v1/search/upload",
        "/v1/items",
        "/v1/items/{item}",
        "/v1/pictures/{hash}",
        "/v1/release",
        "/health",
        "/ready",
        "/metrics",
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            assert "200" in operation["responses"]


def test_request_fields_have_bounds_and_examples(client):
    schemas = client.get("/schema/openapi.json").json()["components"]["schemas"]
    request = schemas["RecommendRequest"]
    assert request["required"] == ["user"]
    assert request["properties"]["n"]["maximum"] == 1000
    assert request["properties"]["user"]["examples"] == ["42"]
    for name, schema in schemas.items():
        if name.endswith("Request"):
            assert any(field.get("examples") for field in schema["properties"].values()), name


def test_the_examples_of_the_reference_are_good_requests(client):
    """Each curl command of the page, sent as it is but for items that this small catalogue does not have."""
    page = unescape(client.get("/schema", follow_redirects=True).text)
    commands = re.findall(r"curl(?: -X (\w+))? '([^']*)'(?: \\\n  -d '([^']*)')?", page)
    assert len(commands) == len(re.findall("<section>", page)) == 20
    for method, url, body in commands:
        if "/v1/search/upload" in url or "/v1/pictures" in url:
            continue  # of a file that the reader has; tests/server/test_search_rest.py sends some
        here = re.sub(r"/50$", "/f50", url)
        content = body.replace('"50"', '"f50"').replace('"181"', '"f18"')
        answer = client.request(method or "GET", here, content=content)
        assert answer.status_code == 200, (method, url, answer.text)
    assert client.put("/v1/items/f50").status_code == 200
