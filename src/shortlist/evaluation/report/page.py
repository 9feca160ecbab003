"""The report as one HTML file: no script, no network, light and dark, large screens and small."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from shortlist.base.files import write_bytes
from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.report import models, sections, users
from shortlist.evaluation.report.markup import Node, h
from shortlist.evaluation.report.sample_users import SampleUser


def write_html(evaluation: Evaluation, path: Path, samples: Sequence[SampleUser] = ()) -> None:
    """Write the report to ``path``, whole or not at all; ``samples`` are some users and their slates."""
    write_bytes(path, f"<!DOCTYPE html>\n{page(evaluation, samples)}\n".encode())


def page(evaluation: Evaluation, samples: Sequence[SampleUser] = ()) -> Node:
    """The report's tree."""
    return h(
        "html",
        h(
            "head",
            h("meta", charset="utf-8"),
            h("meta", name="viewport", content="width=device-width, initial-scale=1"),
            h("meta", name="color-scheme", content="light dark"),
            h(
                "meta",
                http_equiv="Content-Security-Policy",
                content="default-src 'none'; style-src 'unsafe-inline'",
            ),
            h("title", f"{evaluation.system}: evaluation"),
            h("style", files(__package__).joinpath("style.css").read_text("utf-8")),
        ),
        h(
            "body",
            sections.headline(evaluation),
            h(
                "main",
                sections.quality(evaluation),
                sections.retrieval(evaluation),
                models.rankers(evaluation),
                models.speed(evaluation),
                users.slices(evaluation),
                users.samples(samples),
                sections.method(evaluation),
            ),
        ),
        lang="en",
    )
