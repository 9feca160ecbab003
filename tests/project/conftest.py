"""A tiny shop: the toy world's tables and a System file beside them."""

import csv
from pathlib import Path

import pytest

from shortlist.testing.toy import toy_histories, toy_items

SHOP = """
from shortlist import EASE, AlreadySeen, Entity, Event, LogisticRegression, Objective, Popular, System, Table, Tags

views = Event("view", Table("views.csv"), user="who", item="what", at="when", value="stars")
system = System(
    name="shop",
    user=Entity("who"),
    item=Entity("sku", Table("products.csv"), title="name", colours=Tags("colours")),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[EASE(regularization=20), Popular()],
    rankers=[LogisticRegression()],
    filters=[AlreadySeen()],
)
"""
HOSTILE = "<script>alert('i1')</script>"  # the title of i1


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory) -> Path:
    """A folder with shop.py, products.csv and views.csv (users u0 to u119, items i0 to i39)."""
    folder, items, histories = tmp_path_factory.mktemp("shop"), toy_items(), toy_histories()
    with (folder / "products.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sku", "name", "colours"])
        for key, colours in zip(items.keys, items.table["colours"], strict=True):
            rows.writerow([key, HOSTILE if key == "i1" else f"Product {key}", "|".join(colours)])
    with (folder / "views.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["who", "what", "when", "stars"])
        for row, item, at in zip(histories.rows, histories.items, histories.at, strict=True):
            rows.writerow([f"u{row}", items.keys[item], 1_700_000_000 + int(at) // 1_000_000, 1])
    (folder / "shop.py").write_text(SHOP)
    return folder
