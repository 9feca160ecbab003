"""Many rows per statement: each statement releases the interpreter lock, and a thread that computes an answer may
hold it for milliseconds before the writer continues.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

STATEMENT_ROWS = 500


def select_known(db: sqlite3.Connection, query: str, hashes: Sequence[int]) -> set[int]:
    """Which of ``hashes`` the query selects; it ends with a column's name."""
    known: set[int] = set()
    for part in parts(hashes):
        marks = ", ".join("?" * len(part))
        known.update(key for (key,) in db.execute(f"{query} IN ({marks})", part))
    return known


def insert(
    db: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    otherwise: str = "",
) -> None:
    """Insert ``rows``; ``otherwise``: the conflict clause, such as ``OR IGNORE``."""
    row = f"({', '.join('?' * len(columns))})"
    for part in parts(rows):
        marks = ", ".join([row] * len(part))
        values = [value for row in part for value in row]
        db.execute(f"INSERT {otherwise} INTO {table} ({', '.join(columns)}) VALUES {marks}", values)


def parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """``rows`` in parts that fit into one statement."""
    for start in range(0, len(rows), STATEMENT_ROWS):
        yield rows[start : start + STATEMENT_ROWS]
