"""The table of an entity, typed, one row per key: the catalogue of items, the attributes of users."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from shortlist.base.columns import ITEM, USER
from shortlist.base.errors import DataError
from shortlist.base.files import sync, write_json
from shortlist.base.items import PICTURES
from shortlist.data.forget import Forgotten
from shortlist.data.ingest.picture_columns import picture_sources
from shortlist.data.log.log import scan
from shortlist.data.quarantine import CATALOGUE, USERS
from shortlist.data.reading.event_rows import REASON
from shortlist.data.reading.inputs import FAULT, ROW, Input, MalformedError
from shortlist.data.reading.parsing import cell_text, fast_key, tolerant_key
from shortlist.data.reading.type_inference import infer_attribute, kind_name, typed_column
from shortlist.storage.home import Home
from shortlist.system.entity import USER_KINDS, Attribute, Entity, Image

TABLE_NAMES = {ITEM: CATALOGUE, USER: USERS}  # in reports, the ledger and the quarantine

_FILE, _KEY = "#file", "#key"


@dataclass(frozen=True)
class EntityTable:
    """The accepted rows of an entity's table, the rejected ones, and cells that did not parse."""

    role: str  # ITEM or USER: which entity, and the name of its key's column
    table: pl.DataFrame  # the key, and a column of each attribute
    schema: dict[str, str]  # attribute -> kind
    rows: dict[str, int]  # file -> rows read
    rejected: pl.DataFrame  # columns file, row, reason, and the cells as text
    forgotten: dict[str, int]  # file -> rows of forgotten users, which are in neither table
    warnings: list[str] = field(default_factory=list)
    picture_sources: dict[str, pl.DataFrame] = field(
        default_factory=dict
    )  # attribute -> file, row, item, source

    def with_pictures(self, columns: list[pl.Series]) -> EntityTable:
        """The same with its picture columns filled in."""
        return replace(self, table=self.table.with_columns(columns))

    def save(self, home: Home) -> None:
        """Replace the home's table of this entity."""
        _save(home, self.role, self.table, self.schema)


def table_columns(entity: Entity) -> list[str]:
    """The columns of its table that an entity names."""
    attributes = (_column(attribute) for attribute in entity.attributes.values())
    return list(dict.fromkeys([entity.key, *attributes]))


def has_pictures(entity: Entity) -> bool:
    """Whether it has attributes that name pictures, which may change while the table stays as it is."""
    return any(isinstance(attribute, Image) for attribute in entity.attributes.values())


def read_entity_table(
    role: str, entity: Entity, inputs: Sequence[Input], root: Path, forgotten: Forgotten | None = None
) -> EntityTable:
    """Read and type the whole table. The first row of a key counts; those of forgotten users are left out.

    Picture columns stay empty, and their sources are listed; relative paths start from the folder of the table's
    file, or else from ``root``. Raises DataError where a file is damaged, or a column has a type that the entity
    cannot have.
    """
    names = table_columns(entity)
    read = {each.name: _read_whole(each, names) for each in inputs}
    rows = pl.concat(read.values(), how="vertical_relaxed")
    rows = rows.with_columns(
        tolerant_key(rows.select(fast_key(entity.key, rows.schema[entity.key])).to_series()).alias(_KEY)
    )
    of_forgotten = rows.clear()
    if forgotten is not None:
        mask = pl.Series(forgotten.includes(rows[_KEY]))
        of_forgotten, rows = rows.filter(mask), rows.filter(~mask)
    reasons = pl.coalesce(
        FAULT,
        pl.when(pl.col(_KEY).is_null()).then(pl.lit(f"no {role}")),
        pl.when(~pl.col(_KEY).is_first_distinct()).then(pl.lit("duplicate")),
    )
    rows = rows.with_columns(reasons.alias(REASON))
    rejected = rows.filter(pl.col(REASON).is_not_null())
    rejected = rejected.select(
        pl.col(_FILE).alias("file"),
        pl.col(ROW).alias("row"),
        pl.col(REASON).alias("reason"),
        *(cell_text(rejected[name]).alias(f"cell {name}") for name in names),
    )
    accepted = rows.filter(pl.col(REASON).is_null())
    table, schema, warnings, sources = {role: accepted[_KEY]}, {}, [], {}
    for name, declared in entity.attributes.items():
        cells = accepted[_column(declared)]
        attribute = declared if isinstance(declared, Attribute) else infer_attribute(name, cells)
        schema[name] = kind_name(attribute)
        if role == USER and not isinstance(attribute, USER_KINDS):
            raise DataError(
                f"{inputs[0].name}: the column {cells.name!r} holds a {schema[name]}, which users cannot have: "
                f"leave the attribute {name!r} out"
            )
        if isinstance(attribute, Image):
            sources[name] = _picture_sources(attribute, accepted, inputs, root)
            table[name] = pl.Series(name, [[]] * len(accepted), dtype=PICTURES)
        else:
            table[name] = typed_column(attribute, cells)
            warnings += _unparsed(accepted, cells, table[name], schema[name])
    return EntityTable(
        role=role,
        table=pl.DataFrame(table),
        schema=schema,
        rows={name: len(each) for name, each in read.items()},
        rejected=rejected,
        forgotten=dict(of_forgotten[_FILE].value_counts().iter_rows()),
        warnings=warnings,
        picture_sources=sources,
    )


def catalogue_from_events(home: Home) -> int:
    """Make the items of the log the home's catalogue, in the order of their keys; how many."""
    items = scan(home).select(pl.col(ITEM).unique()).collect(engine="streaming").sort(ITEM)
    _save(home, ITEM, items, {})
    return len(items)


def _read_whole(given: Input, names: list[str]) -> pl.DataFrame:
    """All rows of an input; read tolerantly where the fast reader stops."""
    try:
        batches = list(given.fast(names, lambda rows: rows))
    except MalformedError:
        batches = list(given.tolerant(names, lambda rows: rows))
    empty = pl.DataFrame(schema={ROW: pl.Int64, FAULT: pl.String} | dict.fromkeys(names, pl.String))
    rows = pl.concat(batches, how="vertical_relaxed") if batches else empty
    return rows.select(ROW, FAULT, *names, pl.lit(given.name).alias(_FILE))


def _picture_sources(
    attribute: Image, accepted: pl.DataFrame, inputs: Sequence[Input], root: Path
) -> pl.DataFrame:
    """The sources in each cell of a picture column: file, row, item, source (a list)."""
    folders = {each.name: str((each.path.parent if each.path else root).absolute()) for each in inputs}
    start = accepted[_FILE].replace_strict(folders, return_dtype=pl.String)
    return accepted.select(
        pl.col(_FILE).alias("file"),
        pl.col(ROW).alias("row"),
        pl.col(_KEY).alias(ITEM),
        picture_sources(attribute, accepted[attribute.column], start).alias("source"),
    )


def _unparsed(accepted: pl.DataFrame, cells: pl.Series, column: pl.Series, kind: str) -> list[str]:
    """A warning where cells are not of the attribute's kind."""
    unparsed = accepted.filter(column.is_null() & cells.is_not_null())
    texts = cell_text(unparsed[cells.name])
    filled = texts.str.strip_chars() != ""
    unparsed, texts = unparsed.filter(filled), texts.filter(filled)
    if not len(unparsed):
        return []
    file, row = unparsed.select(_FILE, ROW).row(0)
    return [
        f"{file}: {len(unparsed):,} cells of {cells.name!r} are no {kind} and count as missing: "
        f"the first is {texts[0]!r} in row {row:,}"
    ]


def _column(attribute: Attribute | str) -> str:
    return attribute if isinstance(attribute, str) else attribute.column


def _save(home: Home, role: str, table: pl.DataFrame, schema: dict[str, str]) -> None:
    place, kinds = (home.items, home.schema) if role == ITEM else (home.users, home.users_schema)
    place.parent.mkdir(exist_ok=True)
    write_json(kinds, schema)
    fresh = place.with_suffix(".new")
    table.write_parquet(fresh)
    sync(fresh)
    os.replace(fresh, place)
    sync(place.parent)
