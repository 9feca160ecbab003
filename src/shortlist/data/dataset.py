"""The ingested catalogue, users and log as the engine's columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, EVENT, ITEM, USER, VALUE
from shortlist.base.contexts import NO_CONTEXTS, Contexts, from_text
from shortlist.base.errors import DataError
from shortlist.base.files import read_json
from shortlist.base.histories import Histories
from shortlist.base.items import PICTURES, Items
from shortlist.base.progress import SILENT, Progress
from shortlist.base.types import AnyArray, Mask
from shortlist.base.users import Users
from shortlist.data.log.added_items import rows as added_rows
from shortlist.data.log.log import scan
from shortlist.storage.home import Home
from shortlist.storage.store import AddedItem
from shortlist.system.contracts import TrainingData
from shortlist.system.event import Objective
from shortlist.system.system import System
from shortlist.vision.images.album import Album


@dataclass(frozen=True)
class Dataset:
    """Everything there is to learn from.

    The first ``len(histories)`` users are the rows of ``histories``; users of the table who have no events follow.
    """

    items: Items
    users: Users  # with their attributes, null where the table of users does not list them
    histories: Histories
    schema: dict[str, str]  # attribute of items -> kind
    events: tuple[str, ...]  # names; an event's code is its place here
    contexts: Contexts = NO_CONTEXTS  # vocabularies of the histories' codes
    user_schema: dict[str, str] = field(default_factory=dict)  # attribute of users -> kind

    def training_data(self, system: System) -> TrainingData:
        """All of it, for the components of ``system``; nothing is held out."""
        return TrainingData(
            histories=self.histories,
            items=self.items,
            users=self.users,
            objectives=system.objectives,
            contexts=self.contexts,
        )


def load_dataset(
    system: System,
    home: Home,
    log: pl.LazyFrame | None = None,
    added_items: Iterable[AddedItem] = (),
    progress: Progress = SILENT,
) -> Dataset:
    """The catalogue, with the ``added_items`` that it does not list, the users, and the ``log``.

    ``log`` has the columns EVENTS and AVAILABLE_AT; without it, all that was ingested or compacted is read.
    Histories are in the order of the users' keys; a user's events are in order of time, equal times in order of
    availability, then in the order of the log. Events on items that the catalogue does not list are left out.
    Raises DataError where nothing was ingested.
    """
    for path in [home.items] + ([home.users] if _has_user_table(system) else []):
        if not path.exists():
            raise DataError(f"{home.path} has no {path.stem} yet: run `shortlist ingest FILE` first")
    table = pl.read_parquet(home.items)
    table = pl.concat([table, added_rows(table, added_items)])
    items = Items(table, Album(home.pictures) if PICTURES in table.dtypes else None)
    with progress.step("reading the log"):
        histories, keys, contexts = _histories(system, home, scan(home) if log is None else log, items)
    user_schema = dict(read_json(home.users_schema)) if _has_user_table(system) else {}
    return Dataset(
        items=items,
        users=_users(keys, pl.read_parquet(home.users) if _has_user_table(system) else None),
        histories=histories,
        schema=dict(read_json(home.schema)),
        events=tuple(event.name for event in system.events),
        contexts=contexts,
        user_schema=user_schema,
    )


def _has_user_table(system: System) -> bool:
    return system.user is not None and system.user.table is not None


def _users(keys: list[str], table: pl.DataFrame | None) -> Users:
    """Users with events in the given order, then the others of the table."""
    if table is None:
        return Users.of_keys(keys)
    active = pl.DataFrame({USER: keys}, schema={USER: pl.String})
    return Users(
        pl.concat(
            [
                active.join(table, on=USER, how="left", maintain_order="left"),
                table.join(active, on=USER, how="anti", maintain_order="left"),
            ]
        )
    )


def _histories(
    system: System, home: Home, log: pl.LazyFrame, items: Items
) -> tuple[Histories, list[str], Contexts]:
    """The log as histories, the key of each row, and the vocabularies of contexts."""
    names = [event.name for event in system.events]
    if system.events and log.head(1).collect().is_empty():
        raise DataError(f"{home.path} has no events yet: run `shortlist ingest FILE` first")
    positions = pl.LazyFrame({ITEM: items.keys, "position": np.arange(len(items), dtype=np.int32)})
    codes = pl.LazyFrame(
        {EVENT: pl.Series(names, dtype=pl.String), "code": np.arange(len(names), dtype=np.int16)}
    )
    # where every event was available as it happened, one column of times is enough
    stamped = bool(log.select((pl.col(AVAILABLE_AT) != pl.col(AT)).any()).collect(engine="streaming").item())
    times = [AT, AVAILABLE_AT] if stamped else [AT]
    context = [pl.col(CONTEXT).cast(pl.Categorical)] if system.contexts else []
    rows = (
        log.select(USER, ITEM, *times, EVENT, VALUE, *context)
        .with_row_index("order")
        .join(positions, on=ITEM, how="inner")
        .join(codes, on=EVENT, how="inner")
        .select("order", USER, *times, "position", "code", pl.col(VALUE).cast(pl.Float32), *context)
        .sort(USER, *times, "order")
        .collect(engine="streaming")
    )
    users = rows.select(pl.col(USER).rle().struct.unnest()) if len(rows) else None
    lengths = users["len"].to_numpy() if users is not None else np.zeros(0, np.int64)
    histories = Histories(
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        items=rows["position"].to_numpy().astype(np.int32),
        at=rows[AT].to_numpy().astype(np.int64),
        event=rows["code"].to_numpy().astype(np.int16),
        value=rows[VALUE].fill_null(float("nan")).to_numpy().astype(np.float32),
        available_at=rows[AVAILABLE_AT].to_numpy().astype(np.int64) if stamped else None,
        users=users["value"].to_numpy() if users is not None else None,
    )
    contexts = NO_CONTEXTS
    if system.contexts:
        contexts, codes_of_events = _contexts(system.contexts, rows[CONTEXT])
        histories = replace(histories, context=codes_of_events)
    return histories, users["value"].to_list() if users is not None else [], contexts


def _contexts(names: Sequence[str], texts: pl.Series) -> tuple[Contexts, AnyArray]:
    """The vocabularies in the JSON ``texts`` of events, and the codes of the events, int16[events, contexts]."""
    counts = texts.value_counts(name="count").with_row_index("code")
    distinct = [(from_text(text), count) for text, count in counts.select(CONTEXT, "count").iter_rows()]
    contexts = Contexts.from_counts(names, distinct)
    codes = contexts.codes([context for context, _ in distinct])
    assert codes is not None
    coded = texts.to_frame().join(counts, on=CONTEXT, how="left", nulls_equal=True, maintain_order="left")
    return contexts, codes[coded["code"].to_numpy()]


def labels(system: System, histories: Histories) -> Mask:
    """Which event fulfils which objective, bool[events, objectives]. Objectives are made from events."""
    value = pl.Series(histories.value).fill_nan(None)
    table = pl.DataFrame({"value": value, AT: histories.at})
    columns = []
    for objective in system.objectives:
        assert isinstance(objective, Objective)
        code = next(code for code, event in enumerate(system.events) if event is objective.event)
        achieved = histories.event == code
        if objective.when is not None:
            achieved = achieved & table.select(holds=objective.when.fill_null(False))["holds"].to_numpy()
        columns.append(achieved)
    return np.stack(columns, axis=1) if columns else np.zeros((len(histories.items), 0), bool)
