import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from shortlist.evaluation.evaluation import Evaluation, RecallCeiling, from_json, to_json
from shortlist.evaluation.report import SampleUser, show, write_html
from shortlist.evaluation.report.figures import count, milliseconds, seconds, size
from shortlist.evaluation.report.markup import h
from shortlist.evaluation.report.svg import Scale, apart, round_up


def written(evaluation: Evaluation, path: Path, samples: list[SampleUser] | tuple[()] = ()) -> str:
    write_html(evaluation, path / "report.html", samples)
    return (path / "report.html").read_text("utf-8")


def tree(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))


def printed(evaluation: Evaluation, width: int = 80) -> str:
    out = StringIO()
    show(evaluation, Console(file=out, width=width))
    return out.getvalue()


@pytest.fixture
def bare(evaluation: Evaluation) -> Evaluation:
    models = tuple(
        replace(each, scoring={}, variety={}, latency=None)
        for each in evaluation.models
        if each.kind == "source"
    )
    return replace(
        evaluation, models=models, choice=None, recall_ceilings=(), slices=(), summary="Few facts."
    )


def test_the_page_is_well_formed_and_tells_everything(
    evaluation: Evaluation, samples, tmp_path: Path
) -> None:
    root = tree(written(evaluation, tmp_path, samples))
    headings = [each.text for each in root.iter("h2")]
    assert headings == [
        "Quality of recommendations",
        "Recall ceiling of retrieval",
        "Calibration of the probabilities",
        "Quality against latency",
        "Quality by slice",
        "Sample users",
        "Method",
    ]
    words = " ".join(root.itertext())
    for text in (
        evaluation.summary,
        evaluation.choice.sentence,
        evaluation.split,
        "0.069",
        "Il Postino (1994)",
    ):
        assert text in words
    for each in evaluation.models:
        assert f"{each.metrics['ndcg@10'].mean:.3f}" in words


def test_titles_cannot_become_programs(evaluation: Evaluation, samples, tmp_path: Path) -> None:
    nasty = replace(evaluation, system="<b>&\"'", summary="<img src=x onerror=alert(1)>")
    page = written(nasty, tmp_path, samples)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert('hello')&lt;/script&gt;" in page
    assert tree(page).find("body/header/h1").text == nasty.summary
    assert tree(page).find("head/title").text == "<b>&\"': evaluation"


def test_the_page_needs_nothing_from_elsewhere(evaluation: Evaluation, samples, tmp_path: Path) -> None:
    page = written(evaluation, tmp_path, samples)
    assert not re.findall(r"\s(?:src|href)=|url\(|@import", page)
    assert set(re.findall(r"https?://[^\"' ]*", page)) == {"http://www.w3.org/2000/svg"}
    policies = [each.get("content") for each in tree(page).iter("meta") if each.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_every_picture_says_what_it_shows(evaluation: Evaluation, samples, tmp_path: Path) -> None:
    root = tree(written(evaluation, tmp_path, samples))
    space = "{http://www.w3.org/2000/svg}"
    pictures = [each for each in root.iter(f"{space}svg") if each.get("aria-hidden") is None]
    assert len(pictures) == 7
    ids = {each.get("id") for each in root.iter() if each.get("id")}
    assert len(ids) == sum(1 for each in root.iter() if each.get("id"))
    for picture in pictures:
        assert set(picture.get("aria-labelledby").split()) <= ids
        assert len(picture.find(f"{space}desc").text) > 20


def test_nothing_is_drawn_at_a_place_that_is_no_number(evaluation: Evaluation, tmp_path: Path) -> None:
    page = written(evaluation, tmp_path)
    assert not re.search(r'="[^"]*\b(?:nan|inf)\b', page)


def test_an_evaluation_that_was_read_back_gives_the_same_page(evaluation: Evaluation, tmp_path: Path) -> None:
    assert written(from_json(to_json(evaluation)), tmp_path) == written(evaluation, tmp_path)


def test_what_is_missing_is_left_out(bare: Evaluation, tmp_path: Path) -> None:
    root = tree(written(bare, tmp_path))
    assert [each.text for each in root.iter("h2")] == [
        "Quality of recommendations",
        "Method",
    ]
    assert "retrieval" not in printed(bare)


def test_recall_ceilings_without_curves_are_bars(evaluation: Evaluation, tmp_path: Path) -> None:
    flat = tuple(
        RecallCeiling(each.name, each.sizes[-1:], each.recall[-1:]) for each in evaluation.recall_ceilings
    )
    page = written(replace(evaluation, recall_ceilings=flat), tmp_path)
    assert "candidates per query" not in page
    assert "all together 0.9" in page


def test_a_source_that_retrieves_nothing_is_in_the_table_and_not_drawn(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    first, *others = evaluation.recall_ceilings
    empty = RecallCeiling("words", (0.0,), (replace(first.recall[-1], mean=0.0, low=0.0, high=0.0),))
    page = written(replace(evaluation, recall_ceilings=(empty, first, *others)), tmp_path)
    assert "words" in page
    assert "candidates per query" in page


def test_a_model_that_finds_nothing_can_be_drawn(bare: Evaluation, tmp_path: Path) -> None:
    nothing = replace(bare.models[0].metrics["ndcg@10"], mean=0.0, low=0.0, high=0.0)
    lost = tuple(replace(each, metrics={"ndcg@10": nothing}) for each in bare.models)
    assert "0.000" in written(replace(bare, models=lost), tmp_path)
    assert "0.000" in printed(replace(bare, models=lost))


def test_the_terminal_table_fits_80_columns(evaluation: Evaluation) -> None:
    lines = printed(evaluation).splitlines()
    assert max(map(len, lines)) <= 80
    (chosen,) = [line for line in lines if "▸ " in line]
    quality = evaluation.leader.metrics["ndcg@10"]
    assert f"{quality.mean:.3f}" in chosen
    assert f"{quality.low:.3f}–{quality.high:.3f}" in chosen
    for name in ("logistic_regression", "new users (40)", "ROC-AUC", "everything", "choice"):
        assert name.lower() in " ".join(lines).lower()


def test_brackets_in_a_summary_are_no_markup(evaluation: Evaluation) -> None:
    assert "[red]this[/red]" in printed(replace(evaluation, summary="[red]this[/red]"))


def test_markup_escapes_and_leaves_out() -> None:
    node = h("p", "a < b & c", None, ["x", h("b", "y")], class_='it\'s "so"', title=None, x=1.5, y=2.0)
    assert str(node) == '<p class="it&#x27;s &quot;so&quot;" x="1.5" y="2">a &lt; b &amp; cx<b>y</b></p>'
    assert str(h("br")) == "<br/>"
    assert str(h("td")) == "<td></td>"


def test_figures_are_written_for_people() -> None:
    assert [milliseconds(x) for x in (None, 0.42, 3.14, 11, 99.6, 240)] == [
        "–",
        "0.42 ms",
        "3.1 ms",
        "11 ms",
        "100 ms",
        "240 ms",
    ]
    assert [seconds(x) for x in (None, 0.42, 21, 240)] == ["–", "0.4 s", "21 s", "4 min"]
    assert [size(x) for x in (None, 12, 999_700, 11_000_000, 2_000_000_000)] == [
        "–",
        "12 B",
        "1 MB",
        "11 MB",
        "2 GB",
    ]
    assert [count(x) for x in (12_345, 2_500_000)] == ["12,345", "2.5 million"]


def test_scales_and_labels() -> None:
    assert Scale(0, 0.3, 0, 300).ticks() == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
    assert Scale(10, 200, 0, 1, log=True).ticks() == pytest.approx([10, 20, 50, 100, 200])
    assert Scale(1, 100, 0, 10, log=True)(10) == pytest.approx(5)
    assert [round_up(x) for x in (0.011, 0.02, 3, 7)] == pytest.approx([0.02, 0.02, 5, 10])
    assert apart([10, 11, 50], 5, 0, 60) == [10, 15, 50]
    assert apart([58, 59], 5, 0, 60) == [55, 60]
    assert apart([20, 10], 5, 0, 60) == [20, 10]
