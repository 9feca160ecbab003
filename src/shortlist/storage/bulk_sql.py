"""Many rows a statement: each statement gives up the interpreter lock, and a thread busy with an answer may
keep it for milliseconds before the writer goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_STATEMENT = 500  # rows of one statement


def known(db: sqlite3.Connection, query: str, numbers: Sequence[int]) -> set[int]:
    """Which of ``numbers`` the query finds; it ends with a column's name."""
    found: set[int] = set()
    for part in _parts(numbers):
        marks = ", ".join("?" * len(part))
        found.update(key for (key,) in db.execute(f"{query} IN ({marks})", part))
    return found


def insert(
    db: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    otherwise: str = "",
) -> None:
    """Insert ``rows``; ``otherwise``: what becomes of one that is there (``OR IGNORE``)."""
    row = f"({', '.join('?' * len(columns))})"
    for part in _parts(rows):
        marks = ", ".join([row] * len(part))
        values = [value for row in part for value in row]
        db.execute(f"INSERT {otherwise} INTO {table} ({', '.join(columns)}) VALUES {marks}", values)


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), _STATEMENT):
        yield rows[start : start + _STATEMENT]
