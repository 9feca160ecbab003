"""Whom the log must not take up again: people who were forgotten, and until when they are.

They are kept as numbers (see ``storage.ids``) in the home's ``forgotten.json``: their keys are forgotten, too.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from shortlist.base.columns import AT, USER
from shortlist.base.errors import StoreError
from shortlist.base.files import read_json, write_json
from shortlist.base.types import Mask
from shortlist.storage.home import Home
from shortlist.storage.ids import number


class Forgotten:
    """Who was forgotten in a home, each with the moment. StoreError where the file is damaged."""

    def __init__(self, home: Home) -> None:
        self._path = home.path / "forgotten.json"
        try:
            found = read_json(self._path) if self._path.exists() else {}
            self._moments = {int(user): int(moment) for user, moment in found.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise StoreError(
                f"{self._path} is damaged ({error}): restore it from a copy, or forgotten people come back"
            ) from error

    def add(self, user: str, moment: int) -> None:
        """What ``user`` did up to ``moment`` (microseconds) is not taken up again. Durable."""
        self._moments[number(user)] = moment
        write_json(self._path, {str(user): moment for user, moment in self._moments.items()})

    def among(self, events: pl.DataFrame) -> Mask:
        """Which of ``events`` (columns user and at) somebody did before they were forgotten, or nobody knows when."""
        if not self._moments:
            return np.zeros(len(events), np.bool_)
        users = events[USER].unique().drop_nulls()
        until = [self._moments.get(number(user), -1) for user in users]
        moments = pl.DataFrame({USER: users, "until": until}, schema_overrides={"until": pl.Int64})
        joined = events.select(USER, AT).join(moments, on=USER, how="left", maintain_order="left")
        gone = (pl.col(AT) <= pl.col("until")).fill_null(pl.col("until") >= 0)
        return joined.select(gone.fill_null(False)).to_series().to_numpy()
