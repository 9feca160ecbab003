"""The users a system knows: integer positions and typed attributes, as `Items` has them for the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from shortlist.base.columns import USER
from shortlist.base.types import Positions


class Users:
    """Every known user, in a fixed order; ``table`` has the column ``user`` and the declared attributes.

    Attribute columns are of the types that `Items` has: Float (numbers, years), String (categories, text),
    List[String] (tags), Int64 (moments, microseconds).
    """

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table
        self.keys: Sequence[str] = table[USER].to_list()
        self._positions = {key: position for position, key in enumerate(self.keys)}

    @classmethod
    def of_keys(cls, keys: Sequence[str]) -> Users:
        """Users without attributes."""
        return cls(pl.DataFrame({USER: list(keys)}, schema={USER: pl.String}))

    def __len__(self) -> int:
        return len(self.keys)

    def position(self, key: str) -> int:
        """The position of the user ``key``; -1 where it is unknown."""
        return self._positions.get(key, -1)

    def positions(self, keys: Iterable[str]) -> Positions:
        """Positions of ``keys``, int32; -1 where a user is unknown."""
        return np.array([self._positions.get(key, -1) for key in keys], dtype=np.int32)


NO_USERS = Users.of_keys(())
