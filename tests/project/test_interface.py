"""The Python interface, from a System file to answers."""

import dataclasses
import gc
import runpy
import warnings
from datetime import UTC, datetime

import polars as pl
import pytest

import shortlist
from shortlist.base.errors import DeclarationError, InvalidRequestError, NotFoundError
from shortlist.base.progress import Progress

SLATE = {
    "item": pl.String,
    "title": pl.String,
    "position": pl.Int64,
    "value": pl.Float64,
    "probabilities.viewed": pl.Float64,
    "sources": pl.List(pl.String),
    "reason": pl.String,
}
WITHOUT_ROWS = {name: dtype for name, dtype in SLATE.items() if "." not in name}


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    monkeypatch.delenv("SHORTLIST_HOME", raising=False)
    monkeypatch.delenv("SHORTLIST_STORE", raising=False)


@pytest.fixture(scope="module")
def home(shop_folder, tmp_path_factory):
    """A home in which release 1 serves."""
    folder = tmp_path_factory.mktemp("home") / "shop"
    with shortlist.open(shop_folder / "shop.py", home=folder) as shop:
        shop.ingest()
        shop.train()
        shop.publish()
    return folder


@pytest.fixture
def shop(shop_folder, home):
    with shortlist.open(shop_folder / "shop.py", home=home) as shop:
        yield shop


@pytest.fixture
def fresh(shop_folder, tmp_path):
    """The shop with a home in which nothing was done yet."""
    with shortlist.open(str(shop_folder / "shop.py"), home=str(tmp_path / "home")) as shop:
        yield shop


def test_the_whole_loop(shop_folder, tmp_path, monkeypatch):
    """From a System object: its tables and its home are in the working folder."""
    monkeypatch.chdir(tmp_path)
    for table in ("views.csv", "products.csv"):
        (tmp_path / table).write_bytes((shop_folder / table).read_bytes())
    system = runpy.run_path(str(shop_folder / "shop.py"))["system"]
    with shortlist.open(system) as shop:
        assert repr(shop) == "System 'shop' in .shortlist/shop"
        assert "error" not in shop.check().to_polars()["severity"]
        assert shop.ingest().report.added > 800
        assert shop.ingest().report.added == 0
        assert shop.evaluate().evaluation.system == "shop"
        assert list(shop.releases()) == []
        training = shop.train()
        assert training.release == 1
        assert shop.publish() == 1
        slate = shop.recommend("u2", n=5)
        assert len({entry.item for entry in slate.items}) == 5
        assert slate.user == "u2"
    assert (tmp_path / ".shortlist" / "shop" / "evaluation" / "report.html").exists()


def test_relative_tables_are_beside_the_file(shop_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(shop_folder.parent)
    with shortlist.open(f"{shop_folder.name}/shop.py", home=tmp_path / "home") as shop:
        assert "error" not in shop.check().to_polars()["severity"]
        assert shop.ingest().report.items == 40
    assert not (shop_folder.parent / ".shortlist").exists(), "a home that is named is the only one"


def test_a_users_taste_is_in_the_slate(shop):
    items = [int(entry.item[1:]) for entry in shop.recommend("u3", n=6).items]
    assert sum(item >= 20 for item in items) >= 5, "odd users like the second half"
    seen = {event.item for event in shop.history("u3", n=100).events}
    assert not seen & {f"i{item}" for item in items}


def test_all_that_can_be_asked(shop):
    assert [entry.item for entry in shop.rank("u2", ["i3", "i25"]).items][:1] == ["i3"]
    assert "i4" not in [entry.item for entry in shop.similar("i4", n=30).items]
    assert shop.similar("i4", n=1, where={"colours": "blue"}).items[0].item >= "i20"
    assert len(shop.recommend("u2", n=3, exclude=["i1"], where={"colours": ["red"]}).items) == 3
    assert len(shop.search(item="i4", n=3).items) == 3
    [explanation] = shop.explain("u2", "i30").items
    assert explanation.item == "i30"
    assert shop.item("i2").title == "Product i2"
    predictions = shop.predict(pl.DataFrame({"item": ["i1", "i2"], "user": ["u2", None]})).rows
    assert [(each.item, each.user) for each in predictions] == [("i1", "u2"), ("i2", None)]
    assert all(0 < each.probabilities["viewed"] < 1 for each in predictions)


def test_keys_may_be_numbers(shop):
    assert shop.recommend(7, n=1).user == "7"


def test_the_next_slate_knows_an_event(shop):
    [best, *_] = shop.recommend("new", n=1).items
    receipts = shop.add_event("view", "new", best.item, at=datetime(2024, 1, 1, tzinfo=UTC), event_id="e1")
    assert receipts.accepted[0].new
    assert not shop.add_event("view", "new", best.item, at=1_704_067_200, event_id="e1").accepted[0].new
    assert [event.item for event in shop.history("new").events] == [best.item]
    assert best.item not in [entry.item for entry in shop.recommend("new", n=10).items]


def test_a_new_release_serves_at_once(fresh):
    fresh.ingest()
    assert fresh.train().release == 1
    fresh.publish()
    before = fresh.service()
    assert fresh.recommend("u2").release == 1
    fresh.train()
    assert fresh.recommend("u2").release == 1, "trained, not published"
    assert fresh.publish() == 2
    assert fresh.recommend("u2").release == 2
    assert fresh.service() is not before
    assert fresh.publish(1) == 1
    assert fresh.recommend("u2").release == 1
    assert [each.number for each in fresh.releases()] == [1, 2]


def test_closed_and_asked_again(shop):
    before = shop.recommend("u2", n=5).to_polars()
    shop.close()
    shop.close()
    assert shop.recommend("u2", n=5).to_polars().equals(before)


def test_two_at_once(shop, shop_folder, tmp_path):
    with shortlist.open(shop_folder / "shop.py", home=tmp_path / "other") as other:
        other.ingest()
        other.train()
        other.publish()
        shop.add_event("view", "visitor", "i5")
        assert shop.history("visitor").total == 1
        assert other.history("visitor").total == 0
        shop.close()
        assert other.recommend("u2", n=1).items


def test_two_on_one_home_see_the_same(shop, shop_folder, home):
    with shortlist.open(shop_folder / "shop.py", home=home) as other:
        assert shop.history("guest").total == other.history("guest").total == 0
        other.add_event("view", "guest", "i5")
        assert shop.history("guest").total == 1


# Errors


def test_asked_before_a_release_is_published(fresh):
    with pytest.raises(NotFoundError, match="has no release to publish: train makes one"):
        fresh.publish()
    with pytest.raises(NotFoundError, match=r"has no published release: train one .* then publish it"):
        fresh.recommend("u1")
    fresh.close()


def test_a_file_that_is_not_there(shop_folder):
    with pytest.raises(NotFoundError, match=r"did you mean 'shop\.py'"):
        shortlist.open(shop_folder / "shopp.py")
    (shop_folder / "empty.py").write_text("")
    with pytest.raises(DeclarationError, match="declares no System"):
        shortlist.open(shop_folder / "empty.py")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda shop: shop.recommend("u1", n=0), r"n: Expected `int` >= 1"),
        (lambda shop: shop.recommend(None), r"user: Expected `int \| str`"),
        (lambda shop: shop.recommend("u1", where={"colour": "red"}), r"did you mean 'colours'"),
        (lambda shop: shop.explain("u1", []), r"items: Expected `array` of length >= 1"),
        (lambda shop: shop.predict([{"item": "i1", "usr": "u1"}]), r"rows\[0\]: .* unknown field `usr`"),
        (lambda shop: shop.predict([]), r"rows: Expected `array`"),
        (lambda shop: shop.add_event("viewed", "u1", "i1"), r"^event: .* did you mean 'view'"),
        (lambda shop: shop.add_event("view", "u1", "i1", value="5"), r"value: Expected `float"),
        (lambda shop: shop.search(), "give a picture, an item or a text"),
        (lambda shop: shop.search(item="i1", crop=(0, 0, 2, 1)), r"crop\[2\]: Expected"),
    ],
)
def test_a_request_that_cannot_be_answered_names_the_field(shop, call, message):
    with pytest.raises(InvalidRequestError, match=message):
        call(shop)


@pytest.mark.parametrize(
    "call",
    [
        lambda shop: shop.similar("i99"),
        lambda shop: shop.explain("u1", "i99"),
        lambda shop: shop.item("i99"),
        lambda shop: shop.predict([{"item": "i99"}]),
        lambda shop: shop.search(item="i99"),
    ],
)
def test_an_unknown_item(shop, call):
    with pytest.raises(NotFoundError, match="no item 'i99' in the catalogue of release 1"):
        call(shop)


def test_check_finds_problems(shop_folder, tmp_path):
    text = (shop_folder / "shop.py").read_text()
    broken = tmp_path / "broken.py"
    broken.write_text(
        text.replace('item="what"', 'item="wat"').replace('"views.csv"', f'"{shop_folder}/views.csv"')
    )
    problems = shortlist.open(broken, home=tmp_path / "home").check()
    assert len(problems) >= 2
    table = problems.to_polars()
    assert table.columns == ["severity", "file", "column", "message", "examples"]
    assert len(table) == len(problems)
    assert "did you mean 'what'" in repr(problems)
    assert "<table>" in problems._repr_html_()
    assert "&#x27;what&#x27;" in problems._repr_html_()


def test_nothing_is_left_open(shop_folder, home):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with shortlist.open(shop_folder / "shop.py", home=home) as shop:
            shop.recommend("u1")
        del shop
        gc.collect()


# Tables


def test_a_slate_as_a_table(shop):
    table = shop.recommend("u2", n=4).to_polars()
    assert dict(table.schema) == SLATE
    assert table["position"].to_list() == [1, 2, 3, 4]
    assert table["probabilities.viewed"].is_between(0, 1).all()


def test_tables_without_rows_have_their_types(shop):
    nothing = shop.recommend("u2", where={"colours": "no such colour"})
    assert nothing.items == []
    assert dict(nothing.to_polars().schema) == WITHOUT_ROWS
    assert "0 items" in nothing._repr_html_()
    history = shop.history("unknown").to_polars()
    assert dict(history.schema) == {
        "item": pl.String,
        "title": pl.String,
        "event": pl.String,
        "at": pl.Datetime("us", "UTC"),
        "value": pl.Float64,
    }
    assert pl.concat([history, shop.history("u2").to_polars()]).schema == history.schema
    search = shop.search(item="i1", where={"colours": "no such colour"}).to_polars()
    assert search.columns == ["item", "title", "position", "value", "sources", "reason", "picture"]
    assert shop.releases().to_polars().schema["NDCG@10"] == pl.Float64
    assert dict(shop.check().to_polars().schema) == {
        **dict.fromkeys(("severity", "file", "column", "message"), pl.String),
        "examples": pl.List(pl.String),
    }


def test_every_answer_is_a_table(shop):
    events = shop.add_event("view", "tables", "i3")
    assert events.to_polars().columns == ["event_id", "new", "known_item"]
    assert "1 event accepted" in events._repr_html_()
    assert shop.item("i0").to_polars()["attributes.colours"].to_list() == [["red", "shiny"]]
    assert shop.predict([{"item": "i3"}]).to_polars().schema["user"] == pl.String
    explained = shop.explain("u2", ["i2", "i30"])
    table = explained.to_polars()
    assert table["item"].to_list() == ["i2", "i30"]
    assert table.schema["position"] == pl.Int64
    assert all(table[name].dtype == pl.Float64 for name in table.columns if name.startswith("features."))
    assert any(name.startswith("contributions.viewed.") for name in table.columns)
    found = shop.search(item="i3", n=2).to_polars()
    assert found["attributes.colours"].dtype == pl.List(pl.String)
    assert "scores.ease" in found.columns


def test_every_answer_shows_itself(shop):
    for answer in (
        shop.recommend("u2"),
        shop.similar("i3"),
        shop.rank("u2", ["i3", "i99"]),
        shop.search(item="i3"),
        shop.predict([{"item": "i3"}]),
        shop.explain("u2", "i3"),
        shop.history("u2"),
        shop.item("i3"),
        shop.add_event("view", "shown", "i3"),
        shop.releases(),
    ):
        html = answer._repr_html_()
        assert html.count("<table>") == html.count("</table>") == 1
        assert html.count("<tr>") > 1
        assert len(repr(answer).splitlines()) >= len(answer.to_polars()) + 1, (
            "all rows, and the names of columns"
        )
    assert "1 left out (unknown item)" in shop.rank("u2", ["i3", "i99"])._repr_html_()


def test_titles_are_escaped(shop):
    for answer in (shop.item("i1"), shop.rank("u3", ["i1"]), shop.explain("u3", "i1")):
        html = answer._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;alert(&#x27;i1&#x27;)&lt;/script&gt;" in html
    assert shop.item("i1").to_polars()["title"].item() == "<script>alert('i1')</script>"


# What verbs return


def test_what_was_ingested(fresh):
    first = fresh.ingest()
    assert "40 items in the catalogue" in first._repr_html_()
    assert "catalogue: 40 items" in repr(first)
    table = first.to_polars()
    assert table.filter(table="catalogue")["rows"].to_list() == [40]
    again = fresh.ingest()
    assert again.to_polars()["unchanged"].all()
    assert again.to_polars().schema == table.schema


def test_the_report_is_inline(fresh):
    fresh.ingest()
    report = fresh.evaluate()
    assert report.path.read_text("utf-8") == report.page
    html = report._repr_html_()
    assert html.startswith("<iframe")
    assert "<html" not in html, "its content is an attribute"
    assert "shop: evaluation" in html
    table = report.to_polars()
    assert {"ease", "popular", "logistic_regression"} <= set(table["name"])
    assert table["ndcg@10"].is_sorted(descending=True)
    assert str(report.path) in repr(report)
    training = fresh.train()
    assert "Release 1 can be published" in training._repr_html_()
    assert training._repr_html_().endswith("</iframe>")
    assert repr(training).startswith("release 1: ")
    assert "logistic_regression" in repr(training)


def test_long_work_goes_through_steps(shop_folder, tmp_path):
    steps = []

    class Listing(Progress):
        def step(self, name, total=None, unit=""):
            steps.append(name)
            return super().step(name, total, unit)

    shop = shortlist.open(shop_folder / "shop.py", home=tmp_path / "home", progress=Listing())
    shop.ingest()
    shop.train()
    assert steps[0] == "reading catalogue"
    assert "reading the log" in steps
    assert any(step.startswith("fitting popular") for step in steps)
    assert "replaying all models" in steps


def test_results_are_values(shop):
    with pytest.raises(dataclasses.FrozenInstanceError):
        shop.ingest().report = None
