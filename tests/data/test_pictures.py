"""The pictures that a catalogue names are collected at ingest, each once, and broken ones quarantined."""

import shutil
from contextlib import closing

import numpy as np
import polars as pl
import pytest

from shortlist.base.items import PICTURES
from shortlist.cli.show import show_ingest
from shortlist.data.check import check
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.ingest.report import PicturesReport
from shortlist.features.schema import attributes_of
from shortlist.system.entity import Entity, Image, Tags
from shortlist.system.table import Table
from shortlist.testing.pictures import picture, saved
from shortlist.vision.images import collect as collecting
from shortlist.vision.images.album import Album
from shortlist.vision.images.duplicates import content_hash

RATINGS = pl.DataFrame(
    {"user": ["u", "v"], "item": ["a", "b"], "rating": [4.0, 3.0], "at": [1_500_000_000, 1_500_000_001]}
)
PHOTOS = {f"{number}.jpg": saved(picture(number, 200, 150)) for number in range(5)}
HASHES = [content_hash(data) for data in PHOTOS.values()]


@pytest.fixture
def shop(declare, tmp_path):
    """A system over a table of products in a folder of its own, beside its photos."""
    folder = tmp_path / "shop"
    (folder / "photos").mkdir(parents=True)
    for name, data in PHOTOS.items():
        (folder / "photos" / name).write_bytes(data)

    def one(items, **attributes):
        if isinstance(items, pl.DataFrame):
            items.write_parquet(folder / "items.parquet")
        table = Table("shop/items.parquet")
        return declare(
            Table(RATINGS), entity=Entity("id", table, **(attributes or {"photo": Image("photo")}))
        )

    return one


def products(*cells):
    return pl.DataFrame({"id": ["a", "b", "c", "d"][: len(cells)], "photo": cells})


def kept(home, attribute="photo"):
    column = pl.read_parquet(home.items)[attribute]
    assert column.dtype == PICTURES
    return [[hash.hex() for hash in cell] for cell in column]


def test_paths_start_from_the_folder_of_the_table(shop, home, tmp_path):
    absolute = str(tmp_path / "shop" / "photos" / "2.jpg")
    table = products("photos/0.jpg", f" photos/1.jpg | {absolute}|", None, "")
    report = ingest(shop(table), home, tmp_path)
    assert kept(home) == [[HASHES[0]], HASHES[1:3], [], []]
    assert report.pictures == (PicturesReport(attribute="photo", added=3),)


@pytest.mark.parametrize(
    "cells",
    [
        [["photos/0.jpg", "photos/1.jpg"], [], None, ["photos/1.jpg"]],
        [[PHOTOS["0.jpg"], PHOTOS["1.jpg"]], [], None, [PHOTOS["1.jpg"]]],
    ],
)
def test_lists_of_paths_and_bytes_are_pictures(shop, home, tmp_path, cells):
    ingest(shop(products(*cells)), home, tmp_path)
    assert kept(home) == [HASHES[:2], [], [], [HASHES[1]]]


def test_bytes_are_pictures(shop, home, tmp_path):
    report = ingest(shop(products(PHOTOS["0.jpg"], None, b"none", PHOTOS["0.jpg"])), home, tmp_path)
    assert kept(home) == [[HASHES[0]], [], [], [HASHES[0]]]
    assert report.pictures[0].quarantined == {"not a picture": 1}
    assert pl.read_parquet(home.quarantine / "pictures.parquet")["source"].to_list() == ["4 bytes"]


def test_a_dataframe_is_read_from_the_folder_of_the_system(declare, home, tmp_path):
    (tmp_path / "0.jpg").write_bytes(PHOTOS["0.jpg"])
    ingest(
        declare(Table(RATINGS), entity=Entity("id", Table(products("0.jpg")), photo=Image("photo"))),
        home,
        tmp_path,
    )
    assert kept(home) == [[HASHES[0]]]


def test_broken_pictures_are_quarantined_and_items_stay(shop, home, tmp_path, capsys):
    photos = tmp_path / "shop" / "photos"
    (photos / "cut.jpg").write_bytes(PHOTOS["0.jpg"][:500])
    (photos / "notes.jpg").write_text("no picture")
    table = products("photos/cut.jpg|photos/0.jpg", "photos/notes.jpg", "photos/none.jpg", "photos/0.jpg")
    report = ingest(shop(table), home, tmp_path)
    assert (report.items, kept(home)) == (4, [[HASHES[0]], [], [], [HASHES[0]]])
    assert report.pictures[0].quarantined == {"truncated": 1, "not a picture": 1, "missing": 1}
    quarantined = pl.read_parquet(home.quarantine / "pictures.parquet")
    assert quarantined.select("file", "row", "reason", "item", "attribute").rows() == [
        ("shop/items.parquet", 1, "truncated", "a", "photo"),
        ("shop/items.parquet", 2, "not a picture", "b", "photo"),
        ("shop/items.parquet", 3, "missing", "c", "photo"),
    ]
    assert quarantined["source"].to_list() == [
        str(photos / name) for name in ("cut.jpg", "notes.jpg", "none.jpg")
    ]
    assert "pictures: photo: 1 new, 0 unchanged, 3 quarantined (1 " in str(report)
    from rich.console import Console

    show_ingest(Console(), report, home)
    assert "rejected rows are in" in capsys.readouterr().out


def test_what_was_mended_leaves_the_quarantine(shop, home, tmp_path):
    system = shop(products("photos/late.jpg", "photos/0.jpg"))
    ingest(system, home, tmp_path)
    (tmp_path / "shop" / "photos" / "late.jpg").write_bytes(PHOTOS["3.jpg"])
    report = ingest(system, home, tmp_path)
    assert [each.unchanged for each in report.inputs] == [True, False]  # the table is as it was
    assert report.pictures == (PicturesReport(attribute="photo", added=1, unchanged=1),)
    assert kept(home) == [[HASHES[3]], [HASHES[0]]]
    assert pl.read_parquet(home.quarantine / "pictures.parquet").is_empty()


def test_unchanged_pictures_are_not_read_again_when_the_table_changes(shop, home, tmp_path, monkeypatch):
    ingest(shop(products("photos/0.jpg", "photos/1.jpg")), home, tmp_path)
    read = []
    before = collecting._read
    monkeypatch.setattr(collecting, "_read", lambda source: read.append(source) or before(source))
    report = ingest(shop(products("photos/1.jpg", "photos/2.jpg", "photos/0.jpg")), home, tmp_path)
    assert read == [str(tmp_path / "shop" / "photos" / "2.jpg")]
    assert report.pictures == (PicturesReport(attribute="photo", added=1, unchanged=2),)
    assert kept(home) == [[HASHES[1]], [HASHES[2]], [HASHES[0]]]


def test_copies_and_near_duplicates_are_counted(shop, home, tmp_path):
    photos = tmp_path / "shop" / "photos"
    shutil.copy(photos / "0.jpg", photos / "copy.jpg")
    (photos / "smaller.jpg").write_bytes(saved(picture(0, 100, 75), quality=50))
    table = products("photos/0.jpg", "photos/copy.jpg", "photos/smaller.jpg", "photos/1.jpg")
    report = ingest(shop(table), home, tmp_path)
    assert report.pictures == (PicturesReport(attribute="photo", added=4, copies=1, near_duplicates=1),)
    assert "1 exact copies, 1 near duplicates" in str(report)


def test_several_attributes_may_name_pictures(shop, home, tmp_path):
    table = products("photos/0.jpg", "photos/1.jpg").with_columns(studio=pl.lit("photos/2.jpg"))
    report = ingest(shop(table, photo=Image("photo"), studio=Image("studio")), home, tmp_path)
    assert [each.attribute for each in report.pictures] == ["photo", "studio"]
    assert kept(home, "studio") == [[HASHES[2]]] * 2


def test_pictures_are_no_words(shop, home, tmp_path):
    table = products("photos/0.jpg", "photos/0.jpg").with_columns(colours=pl.lit("red|blue"))
    system = shop(table, photo=Image("photo"), colours=Tags("colours"))
    ingest(system, home, tmp_path)
    data = load_dataset(system, home)
    assert data.schema == {"photo": "image", "colours": "tags"}
    assert attributes_of(data.items.table, "words") == ["colours"]
    assert data.items.pictured.tolist() == [True, True]
    assert np.abs(data.items.picture(0).astype(int) - picture(0, 200, 150)).mean() < 6


def test_no_album_without_pictures(shop, home, tmp_path):
    ingest(shop(products("photos/0.jpg"), name="photo"), home, tmp_path)
    assert not home.pictures.exists()


def test_check_reports_missing_pictures_and_reads_none(shop, home, tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "_read", lambda source: pytest.fail("read"))
    few = check(shop(products("photos/0.jpg", "photos/7.jpg", "http://nowhere.invalid/x.jpg")), tmp_path)
    found = next(problem for problem in few if problem.column == "photo")
    assert (found.severity, found.message) == ("warning", "1 of 2 pictures do not exist")
    assert found.examples == (f"row 2: {str(tmp_path / 'shop' / 'photos' / '7.jpg')!r}",)
    wrong = check(shop(products("0.jpg", "7.jpg")), tmp_path)
    assert next(problem for problem in wrong if problem.column == "photo").severity == "error"


def test_check_tells_of_a_missing_pillow(shop, tmp_path, monkeypatch):
    monkeypatch.setattr("shortlist.data.check.find_spec", lambda name: None)
    problems = check(shop(products("photos/0.jpg")), tmp_path)
    assert any("shortlist[vision]" in problem.message and problem.severity == "error" for problem in problems)


def test_grocery_is_gathered(declare, home, data_folder):
    folder = data_folder / "grocery"
    if not folder.is_dir():
        pytest.skip("no grocery set")
    table = pl.read_csv(folder / "products.csv").rename({"image": "photo"})
    system = declare(Table(RATINGS), entity=Entity("product_id", Table(table), photo=Image("photo")))
    report = ingest(system, home, folder)
    assert (report.pictures[0].added, dict(report.pictures[0].quarantined)) == (81, {})
    with closing(Album(home.pictures)) as album:
        assert len(album) == 81 - report.pictures[0].copies
