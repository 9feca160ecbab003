"""A package of another author: it imports only what is public, trains, is published, and serves in a fresh process."""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shortlist.base.columns import DAY
from shortlist.testing.toy import ITEMS, toy_histories, toy_items

HERE = Path(__file__).parent
PACKAGE = HERE / "shortlist-extras"
ROOT = Path(__file__).parents[2]
PUBLIC = {"shortlist", "shortlist.components", "shortlist.testing"}
START = 1_700_000_000  # seconds


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.name)
def test_imports_only_what_is_public(file):
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    ours = {name for name in imported if name.split(".")[0] == "shortlist"}
    assert ours <= PUBLIC


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A folder with the System and its tables, trained and published."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "films.py").write_text((HERE / "films.py").read_text())
    items, histories = toy_items().table, toy_histories()
    items.select(
        "item",
        "title",
        pl.col("colours").list.join("|"),
        "brand",
        released=START + pl.col("released") // 1_000_000,
    ).write_csv(folder / "items.csv")
    views = {
        "user": [f"u{row}" for row in histories.rows],
        "item": [f"i{item}" for item in histories.items],
        "at": START + (61 * DAY + histories.at) // 1_000_000,
        "stars": histories.value,
    }
    pl.DataFrame(views).write_csv(folder / "views.csv")
    for arguments in (["ingest", "films.py"], ["train", "films.py"], ["publish", "1"]):
        shortlist(folder, *arguments)
    return folder


def shortlist(folder, *arguments):
    """The output of a command in a process of its own."""
    path = os.pathsep.join([str(ROOT / "src"), str(PACKAGE / "src")])
    done = subprocess.run(
        [sys.executable, "-m", "shortlist", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "SHORTLIST_HOME": str(folder / "home"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_serves_recommendations_in_a_fresh_process(films):
    seen = {int(item) for item in toy_histories().take(np.array([0])).items}
    slate = [
        (int(item), reason)
        for item, reason in re.findall(
            r"^ *\d+ +Item (\d+) +(.+?)  ", shortlist(films, "recommend", "u0", "--n", "8"), re.MULTILINE
        )
    ]
    items = [item for item, _ in slate]
    assert len(set(items)) == 8
    assert not seen & set(items)
    assert sum(reason.startswith("has ") for _, reason in slate) >= 6  # the reason given by the source
    assert np.mean([item < ITEMS // 2 for item in items]) > 0.7  # the source: this user likes red
    brands = Counter(toy_items().table["brand"].gather(items).drop_nulls().to_list())
    assert max(brands.values()) <= 2  # the order


def test_the_release_names_the_classes_of_the_package(films):
    facts = json.loads(next((films / "home" / "releases").glob("*/pipeline.json")).read_text())
    assert "shortlist_extras.source:FittedSharedWords" in {source["class"] for source in facts["sources"]}
    assert facts["ranker"] == "shortlist_extras.ranker:FittedNaiveBayes"
    features = json.loads(next((films / "home" / "releases").glob("*/features/features.json")).read_text())
    assert any("shortlist_extras.feature:Repeats" in str(each) for each in features["definitions"])
