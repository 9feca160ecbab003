"""A small system over tables in a folder, and its home."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shortlist.retrieval.popular import Popular
from shortlist.storage.home import Home
from shortlist.system.entity import Entity
from shortlist.system.event import Event, Objective
from shortlist.system.system import System
from shortlist.system.table import Table

Declare = Callable[..., System]


@pytest.fixture
def declare() -> Declare:
    """Declare one event ``rating`` over a table; ``entity`` (of items) and ``more`` events where given."""

    def one(
        table: Any, *more: Event, entity: Entity | None = None, when: Any = None, **columns: Any
    ) -> System:
        names: dict[str, Any] = {"user": "user", "item": "item", "at": "at", "value": "rating"} | columns
        rating = Event("rating", Table(table) if isinstance(table, str) else table, **names)
        return System(
            name="small",
            user=Entity("user"),
            item=entity or Entity("item"),
            events=[rating, *more],
            objectives=[Objective("liked", rating, when)],
            sources=[Popular()],
        )

    return one


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")
