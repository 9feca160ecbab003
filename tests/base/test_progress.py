"""Progress without a display: steps nest and show nothing."""

from __future__ import annotations

from shortlist.base.progress import SILENT, Progress


def test_a_silent_step_takes_everything() -> None:
    with SILENT.step("fitting", total=3, unit="epochs") as step, Progress().step("inside") as inner:
        step.advance()
        step.detail("one of three")
        inner.note("kept")
