"""The wheel in dist/ works alone: installed into an empty environment, with nothing but its dependencies."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[2]
OPTIONAL = {"torch", "catboost", "onnxruntime", "onnx", "faiss-cpu", "redis", "sqlalchemy", "feast", "pytest"}

SHOP = """
from shortlist import Entity, Event, ItemKNN, LogisticRegression, Objective, Popular, System, Table

views = Event("view", Table("views.csv"), user="user", item="item", at="at")
system = System(
    name="shop",
    user=Entity("user"),
    item=Entity("item", Table("items.csv"), title="title"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[ItemKNN(), Popular()],
    rankers=[LogisticRegression()],
)
"""


@pytest.fixture(scope="module")
def wheel() -> Path:
    """What `make dist` built."""
    wheels = list((ROOT / "dist").glob("shortlist-*.whl"))
    assert len(wheels) == 1, "make dist builds the wheel that is tested here"
    return wheels[0]


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """The programs of a new environment that has the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = ["install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel]
    subprocess.run([folder / "bin" / "python", "-m", "pip", *install], check=True, env=clean())
    return folder / "bin"


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A folder with a System file and its tables: 60 users with two tastes among 30 items."""
    folder, draw = tmp_path_factory.mktemp("shop"), random.Random(0)
    with (folder / "items.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["item", "title"], *([f"i{n}", f"Item {n}"] for n in range(30))])
    with (folder / "views.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["user", "item", "at"])
        for user in range(60):
            for step, item in enumerate(draw.sample(range(user % 2, 30, 2), 10)):
                rows.writerow([f"u{user}", f"i{item}", 1_700_000_000 + step * 3600 + user])
    (folder / "shop.py").write_text(SHOP)
    return folder


def clean() -> dict[str, str]:
    """The environment without what would lead to the repository, or measures it."""
    led = ("PYTHON", "COVERAGE", "COV_CORE", "SHORTLIST")
    return {name: value for name, value in os.environ.items() if not name.startswith(led)} | {"CI": "true"}


def run(command: Path, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [command, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=clean()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    package = ROOT / "src"
    files = {
        path.relative_to(package).as_posix()
        for path in (package / "shortlist").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("shortlist/")}
    assert packed == files
    assert {Path(name).suffix for name in packed} >= {".py", ".html", ".css", ".typed"}


def test_it_brings_no_optional_package(programs, shop):
    listed = run(programs / "python", "-m", "pip", "list", "--format=freeze", folder=shop)
    assert not OPTIONAL & {line.partition("==")[0].lower() for line in listed.splitlines()}


def test_it_is_the_installed_package_that_runs(programs, shop):
    module = run(programs / "python", "-c", "import shortlist; print(shortlist.__file__)", folder=shop)
    assert Path(module).is_relative_to(programs.parent)


def test_it_trains_publishes_and_serves(programs, shop):
    output = run(programs / "shortlist", "up", "shop.py", folder=shop)
    assert "publishing release 1" in output
    run(programs / "shortlist", "train", "shop.py", folder=shop)
    run(programs / "shortlist", "publish", "2", folder=shop)

    command = [programs / "shortlist", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=shop, env=clean(), stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = next(line for line in server.stderr if "serving at" in line).split()[-1]
            until_ready(address)
            answer = httpx.post(f"{address}/v1/recommend", json={"user": "u0", "n": 5})
            assert answer.status_code == 200
            slate = answer.json()
            assert len({each["item"] for each in slate["items"]}) == 5
            assert slate["release"] == 2
            page = httpx.get(address)
            assert page.headers["content-type"].startswith("text/html")
            assert page.status_code == 200
        finally:
            server.send_signal(signal.SIGINT)
    assert server.returncode == 0


def until_ready(address: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{address}/ready").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")
