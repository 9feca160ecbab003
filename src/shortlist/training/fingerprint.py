"""Content hashes of declarations and data: equal content gives an equal hash, wherever it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import PurePath

import numpy as np
import polars as pl

from shortlist.base.items import Items
from shortlist.base.users import Users
from shortlist.system.table import Sample, SqlQuery, Table


def fingerprint(*parts: object) -> str:
    """The SHA-256 of ``parts`` in hexadecimal.

    Reads numbers, texts, paths, sequences, mappings, arrays, Polars frames and expressions, catalogues, users and
    dataclasses of these, fields that do not take part in comparison left out. Raises TypeError for anything else.
    """
    digest = hashlib.sha256()
    for part in parts:
        for chunk in _chunks(part):
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(part: object) -> Iterator[bytes | memoryview]:  # noqa: PLR0912 (one case per type)
    yield type(part).__qualname__.encode() + b"("
    match part:
        case None | bool() | int() | float() | str() | PurePath() | np.generic():
            yield repr(part).encode()
        case bytes():
            yield part
        case np.ndarray():
            yield f"{part.dtype}{part.shape}".encode()
            if part.dtype.hasobject:
                yield from _chunks(part.tolist())
            else:
                yield np.ascontiguousarray(part).tobytes()
        case pl.Expr():
            yield part.meta.serialize(format="json").encode()
        case pl.DataFrame():
            for column in part:
                yield f"{column.name}{column.dtype}".encode()
                yield from _column(column)
        case Table() | Sample() | SqlQuery():  # where rows came from; what they hold is in the data
            yield repr(part).encode()
        case Items() | Users():
            yield from _chunks(part.table)
        case Mapping():
            for key, value in part.items():
                yield from _chunks(key)
                yield from _chunks(value)
        case Sequence() | set() | frozenset():
            for value in part if isinstance(part, Sequence) else sorted(part, key=repr):
                yield from _chunks(value)
        case _ if is_dataclass(part):
            yield type(part).__module__.encode()
            for field in fields(part):
                if field.compare:
                    yield field.name.encode()
                    yield from _chunks(getattr(part, field.name))
        case _:
            raise TypeError(f"a {type(part).__name__} has no fingerprint")
    yield b")"


def _column(column: pl.Series) -> Iterator[bytes | memoryview]:
    """A column's values with their lengths and gaps."""
    while isinstance(column.dtype, pl.List):
        yield column.list.len().fill_null(-1).to_numpy().tobytes()
        column = column.explode(empty_as_null=False, keep_nulls=False)
    yield column.hash(seed=0).to_numpy().tobytes()
