"""Progress without a display: steps nest and show nothing."""

from __future__ import annotations

import pytest

from shortlist.base.progress import SILENT, Progress


def test_a_silent_step_takes_everything_and_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with SILENT.step("fitting", total=3, unit="epochs") as step, Progress().step("inside") as inner:
        step.advance()
        step.detail("one of three")
        inner.note("kept")
    assert capfd.readouterr() == ("", "")
