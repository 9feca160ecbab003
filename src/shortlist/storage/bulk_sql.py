"""Many rows a statement: each statement gives up the interpreter lock, and a thread busy with an answer may
keep it for milliseconds before the writer goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

STATEMENT_ROWS = 500


def known(db: sqlite3.Connection, query: str, numbers: Sequence[int]) -> set[int]:
    """Which of ``numbers`` the query finds; it ends with a column's name."""
    found: set[int] = set()
    for part in parts(numbers):
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
    for part in parts(rows):
        marks = ", ".join([row] * len(part))
        values = [value for row in part for value in row]
        db.execute(f"INSERT {otherwise} INTO {table} ({', '.join(columns)}) VALUES {marks}", values)


def parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """``rows`` in parts that fit into one statement."""
    for start in range(0, len(rows), STATEMENT_ROWS):
        yield rows[start : start + STATEMENT_ROWS]
