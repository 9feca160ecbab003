"""The ingested catalogue and log as the engine's columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, EVENT, ITEM, USER, VALUE
from shortlist.base.contexts import NO_CONTEXTS, Contexts, from_text
from shortlist.base.errors import DataError
from shortlist.base.files import read_json
from shortlist.base.histories import Histories
from shortlist.base.items import PICTURES, Items
from shortlist.base.types import AnyArray, Mask
from shortlist.data.log.added_items import rows as arrived
from shortlist.data.log.log import scan
from shortlist.storage.home import Home
from shortlist.storage.store import AddedItem
from shortlist.system.event import Objective
from shortlist.system.system import System
from shortlist.vision.images.album import Album


@dataclass(frozen=True)
class Dataset:
    """Everything there is to learn from."""

    items: Items
    users: list[str]  # keys, one per row of the histories
    histories: Histories
    schema: dict[str, str]  # attribute -> kind
    events: tuple[str, ...]  # names; an event's code is its place here
    contexts: Contexts = NO_CONTEXTS  # with the words that the histories' codes stand for


def load_dataset(
    system: System, home: Home, log: pl.LazyFrame | None = None, arrivals: Iterable[AddedItem] = ()
) -> Dataset:
    """The catalogue with the ``arrivals`` that it does not list, and the ``log`` (columns EVENTS and AVAILABLE_AT).

    Without a ``log``: all that was ingested or compacted.

    Rows are users in the order of their keys; a user's events are in order of time, equal times as they
    became known, then in the order of the log. Events on items that the catalogue does not list are left out.
    Raises DataError where nothing was ingested.
    """
    if not home.items.exists():
        raise DataError(f"{home.path} has no catalogue yet: run `shortlist ingest FILE` first")
    table = pl.read_parquet(home.items)
    table = pl.concat([table, arrived(table, arrivals)])
    items = Items(table, Album(home.pictures) if PICTURES in table.dtypes else None)
    names = [event.name for event in system.events]
    log = scan(home) if log is None else log
    if system.events and log.head(1).collect().is_empty():
        raise DataError(f"{home.path} has no events yet: run `shortlist ingest FILE` first")
    positions = pl.LazyFrame({ITEM: items.keys, "position": np.arange(len(items), dtype=np.int32)})
    codes = pl.LazyFrame(
        {EVENT: pl.Series(names, dtype=pl.String), "code": np.arange(len(names), dtype=np.int16)}
    )
    # where all was known as it happened, nobody carries a second clock
    stamped = bool(log.select((pl.col(AVAILABLE_AT) != pl.col(AT)).any()).collect(engine="streaming").item())
    clocks = [AT, AVAILABLE_AT] if stamped else [AT]
    said = [pl.col(CONTEXT).cast(pl.Categorical)] if system.contexts else []
    found = (
        log.select(USER, ITEM, *clocks, EVENT, VALUE, *said)
        .with_row_index("order")
        .join(positions, on=ITEM, how="inner")
        .join(codes, on=EVENT, how="inner")
        .select("order", USER, *clocks, "position", "code", pl.col(VALUE).cast(pl.Float32), *said)
        .sort(USER, *clocks, "order")
        .collect(engine="streaming")
    )
    users = found.select(pl.col(USER).rle().struct.unnest()) if len(found) else None
    lengths = users["len"].to_numpy() if users is not None else np.zeros(0, np.int64)
    histories = Histories(
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        items=found["position"].to_numpy().astype(np.int32),
        at=found[AT].to_numpy().astype(np.int64),
        event=found["code"].to_numpy().astype(np.int16),
        value=found[VALUE].fill_null(float("nan")).to_numpy().astype(np.float32),
        available_at=found[AVAILABLE_AT].to_numpy().astype(np.int64) if stamped else None,
        users=users["value"].to_numpy() if users is not None else None,
    )
    contexts = NO_CONTEXTS
    if system.contexts:
        contexts, words = _contexts(system.contexts, found[CONTEXT])
        histories = replace(histories, context=words)
    keys = users["value"].to_list() if users is not None else []
    return Dataset(items, keys, histories, dict(read_json(home.schema)), tuple(names), contexts)


def _contexts(names: Sequence[str], texts: pl.Series) -> tuple[Contexts, AnyArray]:
    """What was said in the JSON ``texts`` of events, and the codes of it, int16[events, contexts]."""
    counts = texts.value_counts(name="count").with_row_index("place")
    different = [(from_text(text), count) for text, count in counts.select(CONTEXT, "count").iter_rows()]
    contexts = Contexts.from_counts(names, different)
    codes = contexts.codes([said for said, _ in different])
    assert codes is not None
    places = texts.to_frame().join(counts, on=CONTEXT, how="left", nulls_equal=True, maintain_order="left")
    return contexts, codes[places["place"].to_numpy()]


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
