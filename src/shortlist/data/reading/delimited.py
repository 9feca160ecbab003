"""CSV and TSV."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from shortlist.data.reading.inputs import ROW
from shortlist.data.reading.text import TextFile

SEPARATORS = (",", "\t", ";", "|")
MAX_QUOTED_LINES = 100  # lines that one quoted cell may span


class Delimited(TextFile):
    """Lines of separated cells; the first one names the columns."""

    def __init__(self, path: Path, name: str, separator: str | None = None) -> None:
        super().__init__(path, name)
        self._separator = separator

    @property
    def separator(self) -> str:
        """As declared, or as detected in the header."""
        return self._separator or detect_separator(self.head[0])

    def columns(self) -> list[str]:
        """The cells of the header."""
        return next(csv.reader([self.head[0].rstrip("\r\n")], delimiter=self.separator))

    def missing(self, columns: Iterable[str]) -> list[str]:
        """As everywhere; but where the declared separator is not in the header, that is what is wrong."""
        header = self.head[0]
        if self._separator and self._separator not in header and detect_separator(header) in header:
            return [
                f"{self.name}: its cells are separated by {detect_separator(header)!r}, not by {self._separator!r}: "
                "leave the separator out of Table(...)"
            ]
        return super().missing(columns)

    def scan(self, columns: Sequence[str]) -> pl.LazyFrame:
        """As everywhere."""
        rows = pl.scan_csv(
            self.path,
            separator=self.separator,
            infer_schema=False,
            row_index_name=ROW,
            row_index_offset=1,
            glob=False,
        )
        return rows.select(ROW, *columns)

    def read(self, columns: Sequence[str]) -> Iterator[tuple[Sequence[str | None], str | None]]:
        """As everywhere."""
        names = self.columns()
        places = [names.index(column) for column in columns]
        lines = self.lines()
        next(line for line in lines if line.strip())  # the header
        for cells, fault in records(lines, self.separator, len(names)):
            yield [cells[place] or None if place < len(cells) else None for place in places], fault


def detect_separator(header: str) -> str:
    """The separator that a header uses most."""
    return max(SEPARATORS, key=header.count)


def records(lines: Iterator[str], separator: str, width: int) -> Iterator[tuple[list[str], str | None]]:
    """The cells of each row, and what is wrong with it; a broken row never takes the next one with it.

    A quoted cell may go on over several lines. Where it does not end, or where the row then has more
    than ``width`` cells, the quote was a slip: only the line where it began is malformed.
    """
    ahead: deque[str] = deque()
    while True:
        line = ahead.popleft() if ahead else next(lines, None)
        if line is None:
            return
        cells = line.rstrip("\r\n").split(separator)
        if '"' in line:
            taken = [line]
            try:
                whole = next(csv.reader(_taking(taken, ahead, lines), delimiter=separator, strict=True))
            except csv.Error:
                whole = None
            if whole is None or any(whole[width:]):
                ahead.extendleft(reversed(taken[1:]))
                yield cells, "malformed line: a quote that does not close"
                continue
            cells = whole
        yield cells, "malformed line: more cells than the header" if any(cells[width:]) else None


def _taking(taken: list[str], ahead: deque[str], lines: Iterator[str]) -> Iterator[str]:
    """The first of ``taken``, then up to MAX_QUOTED_LINES lines more, which are added to ``taken``."""
    yield taken[0]
    while (
        len(taken) < MAX_QUOTED_LINES
        and (line := ahead.popleft() if ahead else next(lines, None)) is not None
    ):
        taken.append(line)
        yield line
