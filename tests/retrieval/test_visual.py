"""Visual passes the contract suite of sources on pictures, and grows while it serves."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist import DeclarationError, Visual
from shortlist.base.items import PICTURES, Items
from shortlist.base.queries import Queries, SearchQuery
from shortlist.system.contracts import TrainingOptions
from shortlist.testing.colours import Colours, photo
from shortlist.testing.sources import SourceContract
from shortlist.testing.toy import (
    ITEMS,
    NEW_ITEMS,
    everything,
    toy_data,
    toy_items,
    toy_new_items,
    toy_queries,
)

pillow = pytest.importorskip("PIL.Image", reason="pictures need pillow")


class Album:
    """Pictures in memory, by their content hashes."""

    def __init__(self):
        self.files = {}

    def add(self, colour, seed):
        data = photo(colour, seed)
        hash = hashlib.sha256(data)
        self.files[hash.hexdigest()] = data
        return hash.digest()

    def read(self, hash):
        return np.asarray(pillow.open(io.BytesIO(self.files[hash])))


ALBUM = Album()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SHORTLIST_CACHE", str(tmp_path / "cache"))


class TestVisual(SourceContract):
    source = Visual(on="photo", encoder=Colours())

    def data(self):
        hashes = [[ALBUM.add("red" if item < ITEMS // 2 else "blue", item)] for item in range(ITEMS)]
        table = toy_items().table.with_columns(photo=pl.Series(hashes, dtype=PICTURES))
        return toy_data(items=Items(table, ALBUM))

    def new_items(self):
        colours = ["red", "green", None, "blue", "purple"]
        hashes = [[] if colour is None else [ALBUM.add(colour, 900 + n)] for n, colour in enumerate(colours)]
        return toy_new_items().with_columns(photo=pl.Series(hashes, dtype=PICTURES))

    def test_a_posted_picture_is_found_at_once(self):
        fitted, data = self.fitted(), self.data()
        items = data.items.with_new_items(self.new_items())
        fitted.with_new_items(items, ITEMS)
        green = ALBUM.read(items.picture_hash(ITEMS + 1))
        query = replace(toy_queries(rows=1), search=SearchQuery.from_parts(pictures=[green]))
        best = fitted.search(fitted.encode(query), 1, everything(query, ITEMS + NEW_ITEMS))
        assert best.items.tolist() == [ITEMS + 1]
        assert fitted.describe(fitted.encode(query), best.rows, best.items) == ["looks 100% alike"]

    def test_a_query_may_be_an_item(self):
        fitted = self.fitted()
        query = toy_queries(rows=2)
        query = Queries(query.histories, query.at, search=SearchQuery.from_parts(items=[3, 30]))
        best = fitted.search(fitted.encode(query), 5, everything(query))
        assert ((best.items < ITEMS // 2) == (best.rows == 0)).all()


def test_an_attribute_without_pictures_is_named():
    with pytest.raises(DeclarationError, match="no attribute 'foto' with pictures"):
        Visual(on="foto", encoder=Colours()).fit(toy_data(), TrainingOptions())
