"""docs/synthetic-world.md executes, and its tables of columns are right."""

import re
from pathlib import Path

import polars as pl
import pytest

from shortlist import System

TEXT = (Path(__file__).parents[2] / "docs" / "synthetic-world.md").read_text(encoding="utf-8")
KINDS = {
    "int": pl.Int64,
    "number": pl.Float64,
    "text": pl.String,
    "list of text": pl.List(pl.String),
    "time": pl.Datetime("us", "UTC"),
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the page's code defines, run from top to bottom in a folder of its own."""
    names: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("docs"))
        for block in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
            exec(block, names)
        names["folder"] = Path("world").absolute()
    return names


def test_the_code_runs(names: dict[str, object]) -> None:
    assert isinstance(names["system"], System)
    assert len(names["best"]) == 20


@pytest.mark.parametrize("table", ["items", "views", "purchases"])
def test_the_columns_are_as_documented(names: dict[str, object], table: str) -> None:
    part = TEXT.split(f"`{table}/`,")[1].split("\n\n")[1]
    written = re.findall(r"^\| `(\w+)` \| ([\w ]+?) \|", part, flags=re.MULTILINE)
    found = pl.read_parquet(names["folder"] / table / "*.parquet").schema
    widest = {pl.Int32: pl.Int64, pl.Int16: pl.Int64, pl.Float32: pl.Float64}
    assert [(name, widest.get(kind.base_type(), kind)) for name, kind in found.items()] == [
        (name, KINDS[kind]) for name, kind in written
    ]
