"""Steps of a long job, as a terminal and as a file show them."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from shortlist.cli.steps import Steps

from shortlist.base.progress import detail, note


def shown(terminal: bool) -> tuple[Console, StringIO]:
    out = StringIO()
    return Console(file=out, force_terminal=terminal, width=100), out


def test_a_note_of_the_work_stays_in_sight_with_the_step() -> None:
    console, out = shown(terminal=False)
    with Steps(console) as steps:
        steps("Training visual")
        detail("epoch 1")
        note("recall@1 [.588] to .892\nthe third epoch is kept")
    assert "recall@1 [.588] to .892" in out.getvalue()
    assert "the third epoch is kept" in out.getvalue()
    assert "Training visual" in out.getvalue()


def test_a_detail_with_brackets_is_text_not_markup() -> None:
    console, out = shown(terminal=True)
    with Steps(console) as steps:
        steps("Training visual")
        detail("[bold]3[/nothing]")
    assert "✓" in out.getvalue()


def test_nothing_is_heard_after_the_job_failed() -> None:
    console, out = shown(terminal=False)
    with pytest.raises(ValueError, match="broken"), Steps(console):
        raise ValueError("broken")
    note("too late")
    assert "too late" not in out.getvalue()
