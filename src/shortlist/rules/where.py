"""Attribute filters: declared as an expression, or part of a request."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from shortlist.base.columns import ITEM
from shortlist.base.errors import DeclarationError, InvalidRequestError
from shortlist.base.items import Items
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import Mask
from shortlist.system.contracts import Filter, FittedFilter


@dataclass(frozen=True, kw_only=True, eq=False)
class Where(Filter):
    """Keeps only items for which ``condition`` holds: ``Where(condition=pl.col("year") >= 1990)``.

    A null attribute does not fulfil a condition.
    """

    condition: pl.Expr = field(metadata={"doc": "a Polars expression over the item's attributes"})

    def fit(self, items: Items) -> FittedFilter:
        """Evaluate the condition once for the whole catalogue. Raises DeclarationError on unknown attributes."""
        known = [name for name in items.table.columns if name != ITEM]
        for name in self.condition.meta.root_names():
            if name not in items.table.columns:
                raise DeclarationError(f"filter {self.name!r} reads {name!r}: {did_you_mean(name, known)}")
        allowed = items.table.select(self.condition.fill_null(False).cast(pl.Boolean)).to_series()
        return FittedWhere(allowed.to_numpy(), f"does not fulfil {self.name} {self.condition}")


class FittedWhere(FittedFilter):
    """The mask of the items that fulfil the condition."""

    def __init__(self, mask: Mask, reason: str) -> None:
        self.mask, self.reason = mask, reason

    def shared(self) -> Mask:
        """The mask."""
        return self.mask


def where_mask(where: Mapping[str, Any], items: Items) -> Mask:
    """The items that a request's ``where`` allows, bool[items].

    Each attribute takes a value, a list of values (any of them; for tags: any shared tag), or
    ``{"min": ..., "max": ...}`` for numbers. Raises InvalidRequestError that names the field.
    """
    condition = pl.lit(True)
    for name, wanted in where.items():
        path = f"where.{name}"
        if name not in items.table.columns:
            raise InvalidRequestError(path, f"no such attribute: {did_you_mean(name, items.table.columns)}")
        condition = condition & _condition(path, pl.col(name), items.table.schema[name], wanted)
    mask: Mask = items.table.with_columns(_mask=condition.fill_null(False))["_mask"].to_numpy()
    return mask


def _condition(path: str, column: pl.Expr, kind: pl.DataType, wanted: Any) -> pl.Expr:
    if isinstance(wanted, Mapping):
        return _between(path, column, kind, wanted)
    values = list(wanted) if isinstance(wanted, list | tuple | set) else [wanted]
    if not values:
        raise InvalidRequestError(
            path, "an empty list allows nothing: leave the attribute out to allow everything"
        )
    if kind.is_numeric():
        if not all(_is_number(value) for value in values):
            raise InvalidRequestError(path, f"is a number, and {wanted!r} is not")
        return column.cast(pl.Float64).is_in([float(value) for value in values])
    if not all(isinstance(value, str) for value in values):
        raise InvalidRequestError(path, f"is text, and {wanted!r} is not")
    if kind == pl.List:
        shared: pl.Expr = column.list.set_intersection(pl.lit(values, dtype=pl.List(pl.String)))
        some: pl.Expr = shared.list.len() > 0
        return some
    return column.is_in(values)


def _between(path: str, column: pl.Expr, kind: pl.DataType, wanted: Mapping[str, Any]) -> pl.Expr:
    unknown = set(wanted) - {"min", "max"}
    if unknown or not wanted:
        raise InvalidRequestError(
            path, f"a range has min, max or both, not {sorted(map(str, unknown)) or 'nothing'}"
        )
    if not kind.is_numeric():
        raise InvalidRequestError(path, "is no number, so it has no range: give a value or a list of values")
    for end, value in wanted.items():
        if not _is_number(value):
            raise InvalidRequestError(f"{path}.{end}", f"{value!r} is no number")
    low, high = wanted.get("min", -math.inf), wanted.get("max", math.inf)
    return column.is_between(low, high)


def _is_number(value: Any) -> bool:
    """A number that a column of floats can be compared with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
