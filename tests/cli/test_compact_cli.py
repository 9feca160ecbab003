"""Commands around the log: what the server accepted is moved, retention is reported, parity is checked."""

import os
import subprocess
import sys

import pytest

from shortlist.base.columns import DAY, SECOND
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.store import AcceptedEvent, Exposure

SHOP = """
from shortlist import Entity, Event, Objective, Popular, System, Table

views = Event("view", Table("views.csv"), user="who", item="what", at="when")
system = System(
    name="shop", user=Entity("who"), item=Entity("what"), events=[views],
    objectives=[Objective("viewed", views)], sources=[Popular()],
)
"""
OLD = 1_500_000_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    rows = [f"u{n % 20},i{(n * 7 + n // 20) % 30},{OLD + n * 40_000}" for n in range(400)]
    (folder / "views.csv").write_text("\n".join(["who,what,when", *rows]) + "\n")
    (folder / "shop.py").write_text(SHOP)
    store = open_store(Home.open(folder / ".shortlist" / "shop"))
    store.accept([AcceptedEvent(str(n), "view", "u1", f"i{n}", (OLD + n) * SECOND) for n in range(7)])
    store.expose(Exposure("r", 1, "recommend", "u1", OLD * SECOND, ("i1",)))
    store.close()
    return folder


def run(folder, *arguments, status=0):
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


def test_up_moves_what_was_accepted_and_drops_nothing(shop):
    assert "7 events that the server accepted are in the log now" in run(shop, "up", "shop.py")
    home = Home.open(shop / ".shortlist" / "shop")
    assert home.compacted() == 7
    store = open_store(home)
    assert sum(map(len, store.exposures())) >= 1
    store.close()


def test_parity_and_retention_are_told(shop):
    assert "training and serving read the same" in run(shop, "check", "shop.py", "--parity")
    assert "Moved 0 events" in run(shop, "compact")
    output = run(shop, "compact", "--keep", "1d", "--exposures", "1d")
    days = 1 + (OLD + 399 * 40_000) // (DAY // SECOND) - OLD // (DAY // SECOND)
    assert f"Dropped {days} days with 407 events, older than 1d." in output
    assert "'soon' is no duration" in run(shop, "compact", "--keep", "soon", status=1)
    assert "Forgot u1." in run(shop, "forget", "u1")
    with (shop / "views.csv").open("a") as file:
        file.write(f"u2,i1,{OLD}\n")
    assert "20 of forgotten users left out" in run(shop, "ingest", "shop.py")
