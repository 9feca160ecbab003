"""Items added through a server: validated on the way in, and rows of the catalogue from then on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from shortlist.base.columns import ITEM
from shortlist.base.errors import InvalidRequestError
from shortlist.base.items import PICTURES
from shortlist.base.suggest import did_you_mean
from shortlist.storage.store import AddedItem


def checked(table: pl.DataFrame, attributes: Mapping[str, Any]) -> str:
    """The attributes of a new item of the catalogue ``table`` as the JSON that a store keeps.

    Pictures are lists of content hashes. Raises InvalidRequestError that names the attribute.
    """
    kinds = {name: kind for name, kind in table.schema.items() if name != ITEM}
    for name, value in attributes.items():
        if name not in kinds:
            raise InvalidRequestError(
                f"attributes.{name}", f"no attribute {name!r}: {did_you_mean(name, kinds)}"
            )
        try:
            pl.Series([_cell(value, kinds[name])], dtype=kinds[name], strict=True)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
            kind = _KIND_NAMES.get(kinds[name], str(kinds[name]))
            raise InvalidRequestError(
                f"attributes.{name}", f"{name!r} must be {kind}, not {json.dumps(value)[:80]}"
            ) from error
    return json.dumps(dict(attributes), ensure_ascii=False)


def rows(table: pl.DataFrame, added: Iterable[AddedItem]) -> pl.DataFrame:
    """The added items as rows like those of ``table``, without the items that it lists; of several the newest.

    Values of attributes that no longer exist, or are of another kind now, are left out.
    """
    listed = set(table[ITEM])
    newest = {each.item: each.attributes for each in added if each.item not in listed}
    columns: dict[str, pl.Series] = {ITEM: pl.Series(list(newest), dtype=pl.String)}
    values = [json.loads(attributes) for attributes in newest.values()]
    for name, kind in table.schema.items():
        if name != ITEM:
            cells = [_cell_or_none(each.get(name), kind) for each in values]
            columns[name] = pl.Series(cells, dtype=kind)
    return pl.DataFrame(columns)


def _cell(value: Any, kind: pl.DataType) -> Any:
    if value is None:
        return None
    if kind == PICTURES:
        return [bytes.fromhex(each) for each in value]
    if kind.is_float():
        if isinstance(value, bool | str):
            raise TypeError
        return float(value)
    return value


def _cell_or_none(value: Any, kind: pl.DataType) -> Any:
    try:
        return pl.Series([_cell(value, kind)], dtype=kind, strict=True)[0]
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return None


_KIND_NAMES: dict[Any, str] = {
    pl.String: "text",
    pl.List(pl.String): "a list of words",
    pl.Float32: "a number",
    pl.Float64: "a number",
    pl.Int64: "microseconds since 1970",
}
