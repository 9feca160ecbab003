"""The catalogue: the item entity's table, typed; or, without a table, the items of the events."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from shortlist.base.columns import ITEM
from shortlist.base.files import sync, write_json
from shortlist.base.items import PICTURES
from shortlist.data.ingest.pictures import sources
from shortlist.data.log.log import scan
from shortlist.data.reading.inputs import FAULT, ROW, Input, MalformedError
from shortlist.data.reading.parsing import careful_key, quick_key, words
from shortlist.data.reading.rows import REASON
from shortlist.data.reading.type_inference import inferred, kind_name, typed
from shortlist.storage.home import Home
from shortlist.system.entity import Attribute, Entity, Image

FILE, KEY = "#file", "#key"
TABLE = "catalogue"  # what the ledger and the quarantine call it


@dataclass(frozen=True)
class Catalogue:
    """One row per item: ``item`` and the attributes; the rows that are none; and what could not be read."""

    table: pl.DataFrame
    schema: dict[str, str]  # attribute -> kind
    rows: dict[str, int]  # file -> rows read
    bad: pl.DataFrame  # columns file, row, reason, and the cells as words
    warnings: list[str] = field(default_factory=list)
    named: dict[str, pl.DataFrame] = field(
        default_factory=dict
    )  # pictures: attribute -> file, row, item, source

    def with_pictures(self, columns: list[pl.Series]) -> Catalogue:
        """The same with the pictures that were gathered."""
        return replace(self, table=self.table.with_columns(columns))

    def save(self, home: Home) -> None:
        """Make it the home's catalogue."""
        _save(home, self.table, self.schema)


def columns(entity: Entity) -> list[str]:
    """The columns of its table that an entity names."""
    return list(
        dict.fromkeys([entity.key, *(_column(attribute) for attribute in entity.attributes.values())])
    )


def pictured(entity: Entity) -> bool:
    """Whether it has attributes that name pictures: then only the files can say whether one changed."""
    return any(isinstance(attribute, Image) for attribute in entity.attributes.values())


def read(entity: Entity, given: list[Input], root: Path) -> Catalogue:
    """Read and type the whole table. The first row of a key counts. Raises DataError where a file is damaged.

    Pictures are named, from the folder of the table's file or else ``root``, and their columns still empty.
    """
    names = columns(entity)
    found = {each.name: _whole(each, names) for each in given}
    rows = pl.concat(found.values(), how="vertical_relaxed")
    rows = rows.with_columns(
        careful_key(rows.select(quick_key(entity.key, rows.schema[entity.key])).to_series()).alias(KEY)
    )
    reasons = pl.coalesce(
        FAULT,
        pl.when(pl.col(KEY).is_null()).then(pl.lit(f"no {ITEM}")),
        pl.when(~pl.col(KEY).is_first_distinct()).then(pl.lit("duplicate")),
    )
    rows = rows.with_columns(reasons.alias(REASON))
    bad = rows.filter(pl.col(REASON).is_not_null()).select(
        pl.col(FILE).alias("file"),
        pl.col(ROW).alias("row"),
        pl.col(REASON).alias("reason"),
        *(words(name).alias(f"cell {name}") for name in names),
    )
    rows = rows.filter(pl.col(REASON).is_null())
    table, schema, warnings, named = {ITEM: rows[KEY]}, {}, [], {}
    folders = {each.name: str((each.path.parent if each.path else root).absolute()) for each in given}
    for name, declared in entity.attributes.items():
        cells = rows[_column(declared)]
        attribute = declared if isinstance(declared, Attribute) else inferred(name, cells)
        schema[name] = kind_name(attribute)
        if isinstance(attribute, Image):
            where = rows[FILE].replace_strict(folders, return_dtype=pl.String)
            said = sources(attribute, cells, where).alias("source")
            named[name] = rows.select(
                pl.col(FILE).alias("file"), pl.col(ROW).alias("row"), pl.col(KEY).alias(ITEM), said
            )
            table[name] = pl.Series(name, [[]] * len(rows), dtype=PICTURES)
            continue
        table[name] = typed(attribute, cells)
        unread = rows.filter(table[name].is_null() & cells.is_not_null())
        if len(unread):
            file, row, cell = unread.select(FILE, ROW, words(cells.name)).row(0)
            warnings.append(
                f"{file}: {len(unread):,} cells of {cells.name!r} are no {schema[name]} and stay empty: "
                f"the first is {cell!r} in row {row:,}"
            )
    return Catalogue(
        pl.DataFrame(table), schema, {name: len(each) for name, each in found.items()}, bad, warnings, named
    )


def from_events(home: Home) -> int:
    """Make the items of the log the home's catalogue, in the order of their keys; how many."""
    items = scan(home).select(pl.col(ITEM).unique()).collect(engine="streaming").sort(ITEM)
    _save(home, items, {})
    return len(items)


def _whole(given: Input, names: list[str]) -> pl.DataFrame:
    """All rows of an input; read tolerantly where the fast way stops."""
    try:
        batches = list(given.fast(names, lambda rows: rows))
    except MalformedError:
        batches = list(given.tolerant(names, lambda rows: rows))
    empty = pl.DataFrame(schema={ROW: pl.Int64, FAULT: pl.String} | dict.fromkeys(names, pl.String))
    rows = pl.concat(batches, how="vertical_relaxed") if batches else empty
    return rows.select(ROW, FAULT, *names, pl.lit(given.name).alias(FILE))


def _column(attribute: Attribute | str) -> str:
    return attribute if isinstance(attribute, str) else attribute.column


def _save(home: Home, table: pl.DataFrame, schema: dict[str, str]) -> None:
    home.items.parent.mkdir(exist_ok=True)
    write_json(home.schema, schema)
    fresh = home.items.with_suffix(".new")
    table.write_parquet(fresh)
    sync(fresh)
    os.replace(fresh, home.items)
    sync(home.items.parent)
