"""From a declared table to its inputs, by format."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from shortlist.base.errors import DataError
from shortlist.base.suggest import did_you_mean
from shortlist.data.reading.delimited import Delimited
from shortlist.data.reading.frames import Frame
from shortlist.data.reading.inputs import Input
from shortlist.data.reading.jsonlines import JsonLines
from shortlist.data.reading.sql import Sql
from shortlist.data.samples import sample
from shortlist.system.table import Sample, SqlQuery, TableSource

FORMATS = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def open_inputs(table: TableSource, root: Path) -> list[Input]:
    """The inputs that ``table`` is made of, in order; a relative path is read from the folder ``root``.

    Raises DataError where there is nothing, or nothing of a known format. Files are not opened yet.
    In a folder, files of other formats and empty ones are skipped.
    """
    if isinstance(table, SqlQuery):
        return [Sql(table, root)]
    if isinstance(table, Sample):
        return [_input(sample(table.dataset, table.file), f"{table.dataset}/{table.file}", None)]
    if isinstance(table.source, pl.DataFrame):
        return [Frame(table.source, "the DataFrame")]
    path = root / table.source
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and _format(file)]
        visible = [
            file for file in files if not any(part.startswith((".", "_")) for part in _below(path, file))
        ]
        if not visible:
            raise DataError(
                f"{table.source} holds no tables: Shortlist reads {', '.join(FORMATS)} (and .gz of text)"
            )
        filled = [_input(file, _name(file, root), table.separator) for file in visible if file.stat().st_size]
        if not filled:
            raise DataError(f"{table.source} holds empty files only: write a table there")
        return filled
    if not path.exists():
        there = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(
            f"{table.source}: there is no such file in {path.parent}: {did_you_mean(path.name, there)}"
        )
    if not _format(path) and not table.separator:
        raise DataError(
            f"{table.source}: its ending names no format: rename it to one of {', '.join(FORMATS)}, "
            "or give Table(...) the separator of its cells"
        )
    return [_input(path, _name(path, root), table.separator)]


def _below(folder: Path, file: Path) -> tuple[str, ...]:
    return file.relative_to(folder).parts


def _format(path: Path) -> str | None:
    format = FORMATS.get(Path(path.stem if path.suffix == ".gz" else path.name).suffix.lower())
    return None if format == "parquet" and path.suffix == ".gz" else format


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _input(path: Path, name: str, separator: str | None) -> Input:
    match _format(path):
        case "parquet":
            return Frame(path, name)
        case "json":
            return JsonLines(path, name)
        case _:
            return Delimited(path, name, separator)
