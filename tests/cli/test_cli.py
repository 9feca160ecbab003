"""The command line as its user meets it: a real process, a small shop, every verb."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from shortlist.testing.colours import photo
from shortlist.testing.toy import toy_histories, toy_items

SHOP = '''
"""A shop."""
from shortlist import (
    EASE, AlreadySeen, Diversity, Entity, Event, ItemKNN, LogisticRegression, Number, Objective, Popular,
    Requirements, System, Table, Tags,
)

views = Event(
    "view", Table("views.csv"), user="who", item="what", at="when", value="stars", value_range=(1, 5),
    context={"device": "device"},
)
system = System(
    name="shop",
    user=Entity("who"),
    item=Entity("sku", Table("products.csv"), title="name", colours=Tags("colours"), price=Number("price")),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[EASE(regularization=20), ItemKNN(), Popular()],
    rankers=[LogisticRegression()],
    filters=[AlreadySeen()],
    order=[Diversity(by="colours")],
    requirements=Requirements(latency_ms=60_000),  # a busy machine changes no choice
)
'''


def write_shop(folder: Path) -> Path:
    """A System file and its tables."""
    items, histories = toy_items(), toy_histories()
    with (folder / "products.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sku", "name", "colours", "price"])
        for row in items.table.iter_rows(named=True):
            rows.writerow([row["item"], row["title"], "|".join(row["colours"]), row["price"]])
    with (folder / "views.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["who", "what", "when", "stars", "device"])
        for row, item, at, value in zip(
            histories.rows, histories.items, histories.at, histories.value, strict=True
        ):
            when, device = 1_700_000_000 + int(at) // 1_000_000, "tv" if row % 2 else "mobile"
            rows.writerow([f"u{row}", items.keys[item], when, int(value), device])
    (folder / "shop.py").write_text(SHOP)
    return folder / "shop.py"


def run(folder: Path, *arguments: str, status: int = 0) -> str:
    """The output of ``shortlist ARGUMENTS`` in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-m", "shortlist", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CI": "true", "COLUMNS": "100", "SHORTLIST_HOME": "", "NO_COLOR": "1"},
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop that is up, once; ``run`` can then query it."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    output = run(folder, "up", "shop.py")
    return folder, output


def test_up_shows_every_step(shop):
    _, output = shop
    for part in (
        "fitting ease on the older 74% of the log (2 of 3: evaluation)",
        "logistic_regression serves: ",
        "popularity",
        "publishing release 1",
        "report.html",
        "their slate now",
        "the request, stage by stage",
        "why the first?",
        "curl 'http://127.0.0.1",
    ):
        assert part in output


def test_up_writes_a_report_and_a_release(shop):
    folder, _ = shop
    home = folder / ".shortlist" / "shop"
    assert "<svg" in (home / "evaluation" / "report.html").read_text()
    evaluation = json.loads((home / "evaluation" / "evaluation.json").read_text())
    assert evaluation["choice"]["name"] == "logistic_regression"
    assert (home / "current").read_text().strip() == "1"


def test_verbs_one_by_one_equal_up(tmp_path):
    write_shop(tmp_path)
    assert "nothing stands in the way" in run(tmp_path, "check", "shop.py")
    events = len(toy_histories().items)
    assert f"{events:,}" in run(tmp_path, "ingest", "shop.py")
    assert "Report:" in run(tmp_path, "evaluate", "shop.py")
    assert "shortlist publish 1" in run(tmp_path, "train", "shop.py")
    assert "Release 1 serves" in run(tmp_path, "publish", "1")
    assert "serves" in run(tmp_path, "releases")
    run(tmp_path, "train", "shop.py")
    run(tmp_path, "publish", "2")
    run(tmp_path, "publish", "1", "--system", "shop")
    assert re.search(r"serves\W+1\b", run(tmp_path, "releases", "--system", "shop.py"))


def test_recommend_shows_history_and_slate(shop):
    folder, _ = shop
    output = run(folder, "recommend", "u5", "--n", "3")
    assert "their slate now" in output
    seen = {toy_items().title(item) for item in toy_histories().take(np.array([5])).items}
    slate = re.findall(r"^ \d+ +(Item \d+)", output, re.MULTILINE)
    assert len(slate) == 3
    assert seen.isdisjoint(slate)
    assert "none yet" in run(folder, "recommend", "unknown", "--context", "device=tv")


def test_features_shows_a_table(shop):
    folder, _ = shop
    output = run(folder, "features", "shop.py")
    for line in (
        r"item_price +ItemAttribute +item +\d+% +\d+",
        r"item_colours=red +ItemAttribute +item +100% +[01]",
        r"device=tv +Context +request +100% +[01]",
        r"item_view_count_30d +Count +item +30d +100% +\d+",
        r"user_price_view_distance_10e +Distance +user × price +10e +\d+% +-?\d+",
        r"user_colours_view_share +Share +user × colours +all +100% +0\.\d+",
    ):
        assert re.search(line, output), (line, output)


def test_features_go_to_feast(shop):
    folder, _ = shop
    output = run(folder, "features", "shop.py", "--export-feast", "kept")
    assert re.search(r"Wrote \d+ features of items and \d+ of users to kept\.", output)
    assert "so not in it: hour, " in output
    assert re.search(r"cd kept && feast apply && feast materialize \S+T00:00:00 \S+T00:00:00", output)
    assert (folder / "kept" / "definitions.py").exists()
    assert "not empty" in run(folder, "features", "shop.py", "--export-feast", "kept", status=1)


def test_explain_says_why_and_why_not(shop):
    folder, _ = shop
    seen = toy_items().keys[toy_histories().take(np.array([5])).items[0]]
    output = run(folder, "explain", "u5", seen, "i39")
    assert "already seen" in output
    assert "error: no item 'i999'" in run(folder, "explain", "u5", "i999", status=1)


def test_help_teaches_every_command():
    output = run(Path.cwd(), "--help")
    for verb in (
        "up",
        "check",
        "ingest",
        "evaluate",
        "train",
        "releases",
        "publish",
        "serve",
        "recommend",
        "explain",
    ):
        assert verb in output
        assert "Usage:" in run(Path.cwd(), verb, "--help")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "shp.py"], "did you mean 'shop.py'"),
        (["publish", "7"], "no release 7"),
        (["releases", "--system", "shp"], "did you mean 'shop'"),
        (["check", "broken.py"], "broken.py cannot be run: NameError"),
        (["check", "empty.py"], "declares no System"),
        (["recommend", "u5", "--context", "devise=tv"], "did you mean 'device'"),
    ],
)
def test_mistakes_are_one_sentence(shop, arguments, message):
    folder, _ = shop
    (folder / "broken.py").write_text("Systm()")
    (folder / "empty.py").write_text("")
    output = run(folder, *arguments, status=1)
    assert message in output
    assert "Traceback" not in output


def test_a_dirty_table_is_told_and_the_good_rows_are_kept(tmp_path):
    write_shop(tmp_path)
    with (tmp_path / "views.csv").open("a") as file:
        file.write("u1,i3,yesterday,3\nu1,i4,1700000000,9\n,i5,1700000000,3\n")
    output = run(tmp_path, "ingest", "shop.py")
    assert f"{len(toy_histories().items):,}" in output
    assert "quarantine" in output


def test_check_reports_every_problem_at_once(tmp_path):
    write_shop(tmp_path)
    declared = (tmp_path / "shop.py").read_text()
    (tmp_path / "shop.py").write_text(
        declared.replace('user="who"', 'user="whom"').replace('"price"', '"prise"')
    )
    output = run(tmp_path, "check", "shop.py", status=1)
    assert "did you mean 'who'" in output
    assert "did you mean 'price'" in output


VISUAL = """
from shortlist import Category, Entity, Image, LogisticRegression, Match, Requirements, System, Table, Visual
from shortlist.testing.colours import Colours, shop

system = System(
    name="visual",
    item=Entity("key", Table(shop(photos=9)), title="name", photo=Image("file"), product=Category("product")),
    objectives=[Match("same product", by="product")],
    sources=[Visual(on="photo", encoder=Colours())],
    rankers=[LogisticRegression()],
    requirements=Requirements(latency_ms=60_000),
)
"""


@pytest.fixture(scope="module")
def visual(tmp_path_factory):
    """A shop that is searched with photos: trained on held-out items, and published."""
    folder = tmp_path_factory.mktemp("visual")
    (folder / "visual.py").write_text(VISUAL)
    (folder / "photo.png").write_bytes(photo("red", seed=7))
    run(folder, "ingest", "visual.py")
    output = run(folder, "train", "visual.py")
    run(folder, "publish", "1")
    return folder, output


def test_a_ranker_of_photos_learns_from_held_out_items(visual):
    _, output = visual
    assert "logistic_regression" in output
    assert "9 of 60 pictures were held out" in output


def test_search_with_a_photo_or_an_item(visual):
    folder, _ = visual
    output = run(folder, "search", "photo.png", "--crop", "auto", "--n", "3")
    assert len(re.findall("red (?:ball|cup)", output)) == 3
    output = run(folder, "search", "--item", "blue-0", "--where", "product=blue ball", "--n", "3")
    assert len(re.findall("blue ball", output)) == 3


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nothing.png"], 1, "no picture file"),
        (["photo.png", "--crop", "middle"], 2, "four numbers"),
        (["photo.png", "--where", "product"], 2, "name=value"),
    ],
)
def test_a_search_that_cannot_be_is_one_sentence(visual, arguments, status, message):
    output = run(visual[0], "search", *arguments, status=status)
    assert message in output
    assert "Traceback" not in output


def test_serve_with_several_workers_ends_with_ctrl_c(shop):
    command = [sys.executable, "-m", "shortlist", "serve", "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, cwd=shop[0], stderr=subprocess.PIPE, text=True) as server:
        lines = iter(server.stderr)
        address = next(line for line in lines if "serving at" in line).split()[-1]
        next(line for line in lines if "serves" in line)
        assert httpx.get(f"{address}/health").status_code == 200
        server.send_signal(signal.SIGINT)
        server.stderr.read()
    assert server.returncode == 0
