"""Small shared words: suggestions, durations, optional imports, durable files, attribute words."""

import numpy as np
import polars as pl
import pytest

from shortlist.base.durations import microseconds
from shortlist.base.errors import DeclarationError, MissingExtraError, NotFoundError
from shortlist.base.files import new_folder, write_json
from shortlist.base.items import Items
from shortlist.base.optional import require
from shortlist.base.suggest import did_you_mean


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("ratng", ["rating", "user"], "did you mean 'rating'?"),
        ("RATING", ["rating"], "did you mean 'rating'?"),
        ("x", ["rating", "user"], "known: 'rating', 'user'"),
        ("x", [], "there are none"),
        (
            "x",
            [f"c{i}" for i in range(10)],
            "known: 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7' and 2 more",
        ),
    ],
)
def test_did_you_mean(word, known, hint):
    assert did_you_mean(word, known) == hint


def test_durations():
    assert microseconds("30d") == 30 * 86_400 * 1_000_000
    assert microseconds("90s") == 90_000_000
    assert microseconds("all") is None
    for invalid in ("30", "d", "-1d", "0d", "1y", ""):
        with pytest.raises(DeclarationError):
            microseconds(invalid)


def test_a_missing_extra_says_what_to_install():
    with pytest.raises(MissingExtraError, match=r"pip install 'shortlist\[cloud\]'"):
        require("not_a_package_at_all", extra="cloud", why="the test")


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(TypeError), new_folder(tmp_path / "a") as folder:
        (folder / "half").write_text(None)
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "a") as folder:
        write_json(folder / "whole.json", {"a": 1})
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["whole.json"]
    with pytest.raises(FileExistsError), new_folder(tmp_path / "a"):
        pass


def test_positions_and_titles():
    items = Items(pl.DataFrame({"item": ["a", "b"], "title": ["Alpha", None]}))
    assert items.positions(["b", "zz", "a"]).tolist() == [1, -1, 0]
    assert items.title(0) == "Alpha"
    assert items.title(1) == "b"
    with pytest.raises(NotFoundError, match="no item 'c'"):
        items.position("c")


def test_words_of_tags_and_categories():
    table = pl.DataFrame(
        {"item": list("abcd"), "tags": [["x", "y", "x"], [], None, ["y", None]], "one": ["p", None, "q", "p"]}
    )
    items = Items(table)
    tags = items.words("tags")
    assert tags.offsets.tolist() == [0, 2, 2, 2, 3]
    assert tags.codes.tolist() == [0, 1, 1]
    assert tags.size == 2
    row, code = tags.take(np.array([3, 0, 1], np.int32))
    assert list(zip(row.tolist(), code.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 1)]
    one = items.words("one")
    assert one.offsets.tolist() == [0, 1, 1, 2, 3]
    assert one.codes.tolist() == [0, 1, 0]
