"""Text files: lines, possibly compressed, possibly malformed."""

from __future__ import annotations

import gzip
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from shortlist.base.errors import DataError
from shortlist.data.reading.inputs import Input, MalformedError, Prepare, stream, tolerant_batches

HEAD_LINES = 1000  # lines from which columns and the mean length are taken


class TextFile(Input):
    """A file of lines."""

    path: Path

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name

    @abstractmethod
    def scan(self, columns: Sequence[str]) -> pl.LazyFrame:
        """The given columns as strings, and ROW, through the native reader."""

    @abstractmethod
    def read(self, columns: Sequence[str]) -> Iterator[tuple[Sequence[str | None], str | None]]:
        """The cells of each row in the order of ``columns``, and what is wrong with it."""

    def fast(self, columns: Sequence[str], prepare: Prepare) -> Iterator[pl.DataFrame]:
        """As everywhere."""
        try:
            yield from stream(self.scan(columns), prepare, every_cell=True)
        except pl.exceptions.PolarsError as error:
            raise MalformedError(f"{self.name}: {error}") from error

    def tolerant(self, columns: Sequence[str], prepare: Prepare) -> Iterator[pl.DataFrame]:
        """As everywhere."""
        for batch in tolerant_batches(self.read(columns), columns):
            yield prepare(batch.lazy()).collect()

    def rows(self) -> int | None:
        """The file's size over the mean length of its first lines."""
        if self.path.suffix == ".gz":
            return None
        return int(self.path.stat().st_size / (sum(map(len, self.head)) / len(self.head)))

    @cached_property
    def head(self) -> list[str]:
        """The first lines that are not blank. Raises DataError where there are none or they are UTF-16."""
        with self.opened() as file:
            lines = [line for line in islice(file, HEAD_LINES) if line.strip()]
        if not lines:
            raise DataError(f"{self.name} is empty: write a table there, or take it out of the System file")
        if lines[0].startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataError(f"{self.name} is UTF-16: save it as UTF-8")
        return [line.decode("utf-8-sig", "replace") for line in lines]

    def lines(self) -> Iterator[str]:
        """Every line; bytes that are not UTF-8 become U+FFFD."""
        with self.opened() as file:
            for line in file:
                yield line.decode("utf-8-sig", "replace")

    def opened(self) -> BinaryIO:
        """The bytes, unpacked where the file's name ends in ``.gz``."""
        return cast(BinaryIO, gzip.open(self.path)) if self.path.suffix == ".gz" else self.path.open("rb")
