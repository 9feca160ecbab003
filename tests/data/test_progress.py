"""Long work reports its steps: what they are, how much there is, and how much is done."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from shortlist.base.progress import Progress, Step
from shortlist.data.check import check
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.reading import inputs
from shortlist.data.world.world import World
from shortlist.system.entity import Entity
from shortlist.system.table import Table


class Recorded(Step):
    def __init__(self, total: float | None, unit: str) -> None:
        self.total, self.unit, self.done, self.details = total, unit, 0.0, []

    def advance(self, amount: float = 1.0) -> None:
        self.done += amount

    def detail(self, text: str) -> None:
        self.details.append(text)


class Recorder(Progress):
    """Keeps every step by its name."""

    def __init__(self) -> None:
        self.steps: dict[str, Recorded] = {}

    @contextmanager
    def step(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        self.steps[name] = Recorded(total, unit)
        yield self.steps[name]


def test_ingest_reports_each_input(declare, home, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "FAST_BATCH_ROWS", 100)
    rows = pl.DataFrame({"user": range(250), "item": range(250), "rating": [1.0] * 250, "at": range(250)})
    rows.write_parquet(tmp_path / "ratings.parquet")
    items = Entity("id", Table(pl.DataFrame({"id": range(250)})))
    recorder = Recorder()
    ingest(declare("ratings.parquet", entity=items), home, tmp_path, recorder)
    assert list(recorder.steps) == ["reading catalogue", "reading rating: ratings.parquet"]
    step = recorder.steps["reading rating: ratings.parquet"]
    assert (step.total, step.unit, step.done) == (250, "rows", 250)
    ingest(declare("ratings.parquet", entity=items), home, tmp_path, unchanged := Recorder())
    assert "reading rating: ratings.parquet" not in unchanged.steps, "an unchanged file is not read"


def test_a_malformed_line_is_a_detail(declare, home, tmp_path):
    (tmp_path / "ratings.csv").write_text('user,item,rating,at\n1,2,3,4\n1,"2,3,4\n1,3,3,4\n')
    recorder = Recorder()
    report = ingest(declare("ratings.csv"), home, tmp_path, recorder)
    assert report.added == 2
    assert recorder.steps["reading rating: ratings.csv"].details == [
        "a malformed line: reading again, line by line"
    ]


def test_check_and_load_report_their_steps(declare, home, tmp_path):
    rows = pl.DataFrame({"user": [1], "item": [1], "rating": [1.0], "at": [1]})
    system = declare(Table(rows))
    recorder = Recorder()
    check(system, tmp_path, recorder)
    assert list(recorder.steps) == ["checking the catalogue", "checking the users", "checking the events"]
    events = recorder.steps["checking the events"]
    assert (events.total, events.done) == (1, 1)
    ingest(system, home, tmp_path)
    load_dataset(system, home, progress=(recorder := Recorder()))
    assert list(recorder.steps) == ["reading the log"]


def test_a_world_reports_items_and_days(tmp_path):
    recorder = Recorder()
    World(users=50, items=60, events=500, days=3, clusters=5).write(tmp_path / "world", progress=recorder)
    facts = {name: (step.total, step.unit, step.done) for name, step in recorder.steps.items()}
    assert facts == {"writing items": (60, "items", 60), "writing events": (3, "days", 3)}
