"""What a notebook shows of steps, in the order of its updates."""

import IPython.display
import pytest

from shortlist.project import notebook
from shortlist.project.notebook import NotebookProgress, in_notebook


class Area:
    """Stands in for the display of a cell: keeps all that it ever showed."""

    def __init__(self):
        self.shown = []

    def update(self, content):
        self.shown.append(content.data)

    @property
    def last(self) -> str:
        return self.shown[-1]


@pytest.fixture
def areas(monkeypatch):
    """The areas in the order in which they were opened; every update is shown at once."""
    areas = []

    def display(content, *, display_id):
        area = Area()
        area.update(content)
        areas.append(area)
        return area

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(notebook, "INTERVAL", 0.0)
    return areas


def test_this_is_no_notebook():
    assert not in_notebook()


def test_a_step_of_known_length_has_a_bar_and_the_time_left(areas):
    progress = NotebookProgress()
    with progress.step("embedding", 8, "pictures") as step:
        [area] = areas
        assert "<progress value='0' max='8'" in area.last
        assert " s left" not in area.last, "nothing to judge by"
        step.advance(3)
        step.detail("shoes <new>")
        assert "<progress value='3' max='8'" in area.last
        assert "shoes &lt;new&gt;, 3 of 8 pictures, 0 s left" in area.last
        step.advance(5)
        assert " s left" not in area.last
    assert "✓ embedding" in area.last
    assert "<progress" not in area.last


def test_steps_nest_and_notes_stay(areas):
    progress = NotebookProgress()
    with progress.step("training"):
        with progress.step("fitting <ease>") as inner:
            assert areas[0].last.count("<progress style=") == 2, "of unknown length, one inside the other"
            inner.note("two\nlines")
        assert "fitting" not in areas[0].last
    assert [text in areas[0].last for text in ("✓ training", "two", "lines", "fitting")] == [
        True,
        True,
        True,
        False,
    ]
    assert "<ease>" not in "".join(areas[0].shown)
    assert "fitting &lt;ease&gt;" in "".join(areas[0].shown)


def test_a_step_that_fails_says_so(areas):
    progress = NotebookProgress()
    with pytest.raises(ZeroDivisionError), progress.step("reading"), progress.step("a file"):
        raise ZeroDivisionError
    assert "✗ reading" in areas[0].last
    assert "<progress" not in areas[0].last


def test_each_cell_has_an_area(areas, monkeypatch):
    shell = type("Shell", (), {"execution_count": 1})()
    monkeypatch.setattr(notebook, "_shell", lambda: shell)
    progress = NotebookProgress()
    for name in ("first", "second"):
        with progress.step(name):
            pass
    shell.execution_count = 2
    with progress.step("third"):
        pass
    assert [("first" in area.last, "second" in area.last, "third" in area.last) for area in areas] == [
        (True, True, False),
        (False, False, True),
    ]


def test_updates_are_few(areas, monkeypatch):
    monkeypatch.setattr(notebook, "INTERVAL", 1000.0)
    with NotebookProgress().step("counting", 1000) as step:
        for _ in range(1000):
            step.advance()
    assert len(areas[0].shown) == 2, "its beginning and its end"
