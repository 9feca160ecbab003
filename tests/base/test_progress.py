"""What long work tells reaches whoever listens, and nobody else."""

from __future__ import annotations

from shortlist.base.progress import detail, heard, note


class Heard:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def detail(self, text: str) -> None:
        self.told.append(("detail", text))

    def note(self, text: str) -> None:
        self.told.append(("note", text))


def test_telling_nobody_is_no_error() -> None:
    detail("half way")
    note("found")


def test_what_is_told_within_is_heard_and_nothing_after() -> None:
    outer, inner = Heard(), Heard()
    with heard(outer):
        detail("1")
        with heard(inner):
            note("2")
        note("3")
    detail("4")
    assert outer.told == [("detail", "1"), ("note", "3")]
    assert inner.told == [("note", "2")]
