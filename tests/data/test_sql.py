"""Queries, on a real SQLite database."""

import sqlite3
from pathlib import Path

import pytest

from shortlist.base.errors import DeclarationError
from shortlist.data.ingest.ingest import ingest
from shortlist.data.log.log import scan
from shortlist.data.reading import sql
from shortlist.system.entity import Entity, Tags
from shortlist.system.table import SqlQuery

pytest.importorskip("sqlalchemy")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE ratings (customer, product, stars, at)")
        database.executemany(
            "INSERT INTO ratings VALUES (?, ?, ?, ?)",
            [
                (1, "a", 4.5, "2020-01-02 00:00:00"),
                ("two", 318.0, 3, 1_577_923_200),  # SQLite lets one column mix types
                (None, "a", 3, 1_577_923_200),
                (4, "b", "bad", 1_577_923_200),
                (1, "a", 4.5, "2020-01-02 00:00:00"),
                (b"\xff", "b", 1, 1_577_923_200),
            ],
        )
        database.execute("CREATE TABLE products (id, title, tags)")
        database.execute("INSERT INTO products VALUES ('a', 'Apple', 'red|round'), ('b', 'Bear', NULL)")
    return path


COLUMNS = {"user": "customer", "item": "product", "value": "stars", "at": "at"}


def test_a_query_is_a_table(shop, declare, home, tmp_path, monkeypatch):
    monkeypatch.setattr(sql, "TOLERANT_BATCH_ROWS", 2)  # several parts
    item = Entity(
        "id", SqlQuery("sqlite:///shop.db", "SELECT * FROM products"), title="title", tags=Tags("tags")
    )
    system = declare(SqlQuery("sqlite:///shop.db", "SELECT * FROM ratings"), entity=item, **COLUMNS)
    report = ingest(system, home, tmp_path)
    rows = scan(home).select("user", "item", "at", "value").collect().rows()
    assert rows[:2] == [("1", "a", 1_577_923_200_000_000, 4.5), ("two", "318", 1_577_923_200_000_000, 3.0)]
    assert report.reasons["no user"] == 1
    assert report.reasons["value is not a number"] == 1
    assert report.reasons["duplicate"] == 1
    assert report.items == 2
    again = ingest(system, home, tmp_path)
    assert (again.added, again.rows) == (0, 8)


@pytest.mark.parametrize(
    ("url", "query", "message"),
    [
        ("sqlite:///shop.db", "SELECT * FROM nowhere", "no such table: nowhere"),
        ("sqlite:///gone.db", "SELECT 1", "there is no file"),
        ("no url", "SELECT 1", "is no SQLAlchemy URL"),
        ("sqlite:///shop.db", "SELECT customer, product, stars FROM ratings", "no column 'at'"),
        ("nosuch://host/db", "SELECT 1", "nosuch"),
    ],
)
def test_a_bad_query_is_reported_once(url, query, message, shop, declare, home, tmp_path):
    with pytest.raises(DeclarationError) as caught:
        ingest(declare(SqlQuery(url, query), **COLUMNS), home, tmp_path)
    (problem,) = caught.value.problems
    assert message in problem


def test_passwords_stay_secret(declare, home, tmp_path):
    with pytest.raises(DeclarationError) as caught:
        ingest(
            declare(SqlQuery("postgresql://me:hunter2@nowhere.invalid/shop", "SELECT 1"), **COLUMNS),
            home,
            tmp_path,
        )
    assert "hunter2" not in str(caught.value)
