"""Steps of a long job, as a terminal, a notebook and a file show them."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from rich.console import Console

from shortlist.project.progress import ProgressDisplay


def display(*, terminal: bool = False, interval: float = 10.0) -> tuple[ProgressDisplay, StringIO]:
    out = StringIO()
    return ProgressDisplay(Console(file=out, force_terminal=terminal, width=120), interval), out


@pytest.mark.parametrize("terminal", [False, True])
def test_a_step_ends_with_its_duration_and_its_notes_stay(terminal: bool) -> None:
    progress, out = display(terminal=terminal)
    with progress.step("fitting visual", total=3, unit="epochs") as step:
        step.advance()
        step.note("recall@1 [.588] to .892\nthe third epoch is kept")
    text = out.getvalue()
    for part in ("recall@1 [.588] to .892", "the third epoch is kept", "fitting visual", "✓"):
        assert part in text


def test_brackets_in_names_and_details_are_no_markup() -> None:
    for terminal in (False, True):
        progress, out = display(terminal=terminal)
        with progress.step("fitting [bold]x[/nothing]") as step:
            step.detail("[bold]3[/nothing]")
        assert "[bold]x[/nothing]" in out.getvalue()


def test_an_inner_step_leaves_no_line_and_a_failed_one_is_marked() -> None:
    progress, out = display()
    with pytest.raises(ValueError, match="broken"), progress.step("fitting als"), progress.step("epochs"):
        raise ValueError("broken")
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["✗"]
    assert "epochs" not in out.getvalue()
    with progress.step("again"):
        pass
    assert "✓ again" in out.getvalue()


def test_where_there_are_no_bars_lines_say_how_far_it_is() -> None:
    progress, out = display(interval=0.01)
    with progress.step("fitting als"), progress.step("als", total=4, unit="epochs") as step:
        step.advance()
        while "epochs" not in out.getvalue():  # printed by a thread of the display
            time.sleep(0.01)
    line = next(line for line in out.getvalue().splitlines() if "epochs" in line)
    assert "fitting als: 1 of 4 epochs" in line
    assert "left" in line


def test_bars_show_what_is_done_and_the_time_left() -> None:
    progress, out = display(terminal=True)
    with progress.step("replaying", total=200, unit="queries") as step:
        step.advance(100)
        assert progress.bars is not None
        progress.bars.refresh()
    assert "100/200 queries" in out.getvalue()
    assert "left" in out.getvalue()
    assert progress.bars is None
