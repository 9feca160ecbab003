"""A System's features of items and of users as a Feast repository that ``feast apply`` accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray
from shortlist.features.features import Features
from shortlist.features.kind import Block
from shortlist.system.system import System

AT = "event_timestamp"
CONFIG = """\
project: {project}
provider: local
registry: data/registry.db
online_store:
  type: sqlite
  path: data/online_store.db
entity_key_serialization_version: 3
"""
HEAD = '''\
"""Features of {system} at the end of its log, {at}; written by Shortlist."""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float32
'''
VIEW = """
{owner} = Entity(name="{owner}", join_keys=[{key!r}], value_type=ValueType.STRING)
{owner}_features = FeatureView(
    name="{owner}_features",
    entities=[{owner}],
    ttl=timedelta(0),  # values do not expire
    schema=[
{fields}
    ],
    source=FileSource(path="data/{owner}_features.parquet", timestamp_field="event_timestamp"),
)
"""


@dataclass(frozen=True)
class Exported:
    """What was written. Names are spelled with letters, digits and _ only, as every store of Feast takes them."""

    items: Sequence[str]
    users: Sequence[str]
    left_out: Sequence[str]  # what belongs to no item or user alone, or is Feast's already
    at: np.datetime64  # the event timestamp of every row, microseconds UTC


def export(system: System, features: Features, histories: Histories, folder: Path) -> Exported:
    """Write into the new or empty ``folder`` what ``features`` reads at the end of ``histories``, with users.

    Raises DataError where the folder holds something, or nothing is to be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there and not empty: name a new folder for the Feast repository")
    assert histories.users is not None
    no_user, positions = Histories.empty(1), np.arange(len(features.items))
    items = _table(features, "item", no_user, positions * 0, positions, histories.end)
    rows = np.arange(len(histories))
    users = _table(features, "user", histories, rows, rows * 0, histories.end) if system.user else {}
    if not items and not users:
        raise DataError("no feature belongs to items or users alone: there is nothing that Feast could keep")
    exported = Exported(
        items=list(items),
        users=list(users),
        left_out=[name for block in features.blocks for name in _of(block, None)],
        at=np.datetime64(histories.end - 1, "us"),  # it is of all before the end
    )
    keys = {"item": list(features.items.keys), "user": histories.users.tolist()}
    text = HEAD.format(system=system.name, at=f"{exported.at} UTC")
    (folder / "data").mkdir(parents=True)
    for owner, entity, columns in (("item", system.item, items), ("user", system.user, users)):
        if entity and columns:
            table = pl.DataFrame({entity.key: keys[owner], **columns}).with_columns(
                pl.col(name).fill_nan(None) for name in columns
            )
            moment = pl.lit(exported.at).cast(pl.Datetime("us", "UTC")).alias(AT)
            table.with_columns(moment).write_parquet(folder / "data" / f"{owner}_features.parquet")
            fields = "\n".join(f"        Field(name={name!r}, dtype=Float32)," for name in columns)
            text += VIEW.format(owner=owner, key=entity.key, fields=fields)
    (folder / "definitions.py").write_text(text, encoding="utf-8")
    config = CONFIG.format(project=system.name.replace("-", "_"))
    (folder / "feature_store.yaml").write_text(config, encoding="utf-8")
    return exported


def _table(
    features: Features, entity: str, histories: Histories, rows: AnyArray, items: AnyArray, at: int
) -> dict[str, AnyArray]:
    """The columns that ``entity`` owns, of the pairs of ``rows`` and ``items``, by names that Feast takes."""
    nothing = np.zeros((len(rows), 0), np.float32)
    queries = Queries(histories, np.full(len(histories), at))
    candidates = Candidates(rows, items.astype(np.int32), nothing, nothing > 0)
    columns: dict[str, AnyArray] = {}
    for block in features.blocks:
        mine = set(_of(block, entity))
        if mine:
            values = block.columns(queries, candidates)
            for name, column in zip(block.names, values.T, strict=True):
                if name in mine:
                    columns[_spelled(name, columns)] = column
    return columns


def _of(block: Block, entity: str | None) -> Iterator[str]:
    """The declared columns of a block that an item or a user owns alone, or that neither does (None)."""
    for name, definition in zip(block.names, block.definitions, strict=bool(block.definitions)):
        if definition.entity == entity:
            yield name


def _spelled(name: str, taken: dict[str, AnyArray]) -> str:
    """The name as an identifier that is not taken yet."""
    plain = spelled = re.sub(r"\W+", "_", name)
    count = 1
    while spelled in taken:
        count += 1
        spelled = f"{plain}_{count}"
    return spelled
