"""The Python interface: a System with its home, every verb of the command line as a method.

::

    import shortlist

    films = shortlist.open("movies.py")
    films.ingest()
    films.train()
    films.publish()
    films.recommend("42", n=10)

In a notebook answers show themselves as tables, the evaluation as its report, and long work as bars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl

from shortlist.base.errors import NotFoundError
from shortlist.data.check import Problem
from shortlist.data.ingest.report import IngestReport
from shortlist.evaluation.evaluation import Evaluation
from shortlist.project import verbs
from shortlist.project.local_service import service_of
from shortlist.project.project import Project, open_project, project_of
from shortlist.service.answers import (
    EventReceipts,
    Explanations,
    ItemFacts,
    Predictions,
    SearchResults,
    Slate,
    UserHistory,
)
from shortlist.service.requests import (
    Conditions,
    ContextValues,
    Crop,
    EventRequest,
    ExplainRequest,
    HistoryRequest,
    ItemKey,
    PredictRequest,
    PredictRow,
    RankRequest,
    RecommendRequest,
    SearchRequest,
    SimilarRequest,
    UserKey,
)
from shortlist.service.service import Service
from shortlist.service.tables import html_table
from shortlist.storage.releases import ReleaseFacts
from shortlist.system.system import System


def open(system: System | str | Path, *, home: str | Path | None = None) -> OpenSystem:
    """Open a System, or the Python file that declares one.

    Tables are relative to the file's folder, or to the working folder where a System is given. ``home`` is the
    folder of its state (default: ``SHORTLIST_HOME``, else ``.shortlist/NAME``). Raises NotFoundError,
    DeclarationError.
    """
    project = project_of(system) if isinstance(system, System) else open_project(Path(system))
    return OpenSystem(project.at_home(Path(home)) if home is not None else project)


@dataclass(frozen=True)
class Problems(Sequence[Problem]):
    """What ``check`` found; empty where the declaration and the data agree."""

    found: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: Any) -> Any:
        return self.found[index]

    def __repr__(self) -> str:
        lines = [f"{each.severity}: {each}" for each in self.found]
        return "\n".join(lines) or "the declaration and the data agree"

    def to_polars(self) -> pl.DataFrame:
        """One row per problem."""
        columns = {
            name: [getattr(each, name) for each in self.found] for name in ("severity", "file", "message")
        }
        return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))

    def _repr_html_(self) -> str:
        if not self.found:
            return "<p>✓ the declaration and the data agree</p>"
        return html_table(self.to_polars(), f"{len(self.found)} problems")


@dataclass(frozen=True)
class Report:
    """An evaluation and its report."""

    evaluation: Evaluation
    path: Path  # of the report, HTML

    def __repr__(self) -> str:
        choice = self.evaluation.choice
        return f"{choice.sentence if choice else self.evaluation.split}\nReport: {self.path}"

    def to_polars(self) -> pl.DataFrame:
        """One row per model, with the mean of each metric."""
        return pl.DataFrame(
            [
                {"name": each.name, "kind": each.kind, **{name: m.mean for name, m in each.metrics.items()}}
                for each in self.evaluation.models
            ],
            infer_schema_length=None,
        )

    def _repr_html_(self) -> str:
        page = escape(self.path.read_text("utf-8"))
        return f"<iframe srcdoc='{page}' style='width:100%;height:640px;border:1px solid #8884'></iframe>"


@dataclass(frozen=True)
class Training:
    """What ``train`` made: a release that waits to be published, and the evaluation that chose it."""

    release: int
    report: Report

    def __repr__(self) -> str:
        return f"release {self.release}: {self.report!r}"

    def _repr_html_(self) -> str:
        return f"<p>Release {self.release} is ready to be published.</p>{self.report._repr_html_()}"


class OpenSystem:
    """A System and its home. Close it, or use it as a context, to let go of the store."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._open = ExitStack()
        self._service: Service | None = None
        self._release: int | None = None

    def __repr__(self) -> str:
        return f"System {self.project.system.name!r} in {self.project.home.path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the store. Asking again opens it again."""
        self._open.close()
        self._service = self._release = None

    # Verbs

    def check(self) -> Problems:
        """Everything in which the declaration and the data disagree."""
        return Problems(tuple(verbs.check(self.project)))

    def ingest(self) -> IngestReport:
        """Read what is new in the declared tables. Raises DataError, DeclarationError."""
        return verbs.ingest(self.project)

    def evaluate(self) -> Report:
        """Learn on the older part of the log, replay the newer, compare everything; writes the report."""
        data, _ = verbs.dataset(self.project)
        return self._report(verbs.evaluate(self.project, data).evaluation)

    def train(self) -> Training:
        """Evaluate, choose a ranker, fit it on the whole log, and add a release; ``publish`` makes it serve."""
        verbs.compact(self.project.home)
        with verbs.learning(self.project.home):
            data, watermark = verbs.dataset(self.project)
            evaluation = verbs.evaluate(self.project, data).evaluation
            number = verbs.train(self.project, data, watermark, evaluation)
        return Training(number, self._report(evaluation))

    def publish(self, release: int | None = None) -> int:
        """Make ``release`` serve (None: the newest), here and in every running server; its number."""
        number = (
            release if release is not None else max((each.number for each in self.releases()), default=None)
        )
        if number is None:
            raise NotFoundError("there is no release yet: train makes one")
        self.project.releases.publish(number)
        return number

    def releases(self) -> list[ReleaseFacts]:
        """All releases, oldest first."""
        return list(self.project.releases.list())

    def _report(self, evaluation: Evaluation) -> Report:
        return Report(evaluation, self.project.home.evaluation / "report.html")

    # Use cases, answered by the published release

    @property
    def service(self) -> Service:
        """The use cases of the published release, for requests in batches. Raises NotFoundError where none is."""
        current = self.project.releases.current()
        if self._service is None or current != self._release:
            self.close()
            self._service, self._release = self._open.enter_context(service_of(self.project.home)), current
        self._service.update()
        return self._service

    def recommend(
        self,
        user: UserKey,
        n: int = 10,
        *,
        where: Conditions | None = None,
        exclude: Sequence[ItemKey] = (),
        context: ContextValues | None = None,
    ) -> Slate:
        """The best ``n`` items for the user now."""
        [slate] = self.service.recommend([RecommendRequest(user, n, where, [*exclude], context)])
        return slate

    def similar(
        self,
        item: ItemKey,
        n: int = 10,
        *,
        where: Conditions | None = None,
        context: ContextValues | None = None,
    ) -> Slate:
        """Items like an item."""
        [slate] = self.service.similar([SimilarRequest(item, n, where, context)])
        return slate

    def rank(self, user: UserKey, items: Sequence[ItemKey], *, context: ContextValues | None = None) -> Slate:
        """The given items, best first for the user."""
        [slate] = self.service.rank([RankRequest(user, [*items], context)])
        return slate

    def search(
        self,
        text: str = "",
        n: int = 10,
        *,
        picture: bytes | str | Path | None = None,
        item: ItemKey | None = None,
        crop: Crop | None = None,
        where: Conditions | None = None,
    ) -> SearchResults:
        """Items that look like a picture (a file, or its bytes) or an item, or have the words of a text."""
        content = Path(picture).read_bytes() if isinstance(picture, str | Path) else picture
        [results] = self.service.search([SearchRequest(content, item, text, crop, n, where)])
        return results

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> Predictions:
        """The probability of every objective for each row: mappings with ``item``, and ``user`` and ``context``."""
        return self.service.predict(PredictRequest([PredictRow(**row) for row in rows]))

    def explain(
        self,
        user: UserKey,
        items: Sequence[ItemKey] | ItemKey,
        n: int = 20,
        *,
        context: ContextValues | None = None,
    ) -> Explanations:
        """Why items are in the user's slate of ``n``, or why not."""
        keys = [items] if isinstance(items, str | int) else [*items]
        return self.service.explain(ExplainRequest(user, keys, n, context))

    def history(self, user: UserKey, n: int = 20) -> UserHistory:
        """The user's newest events."""
        return self.service.history(HistoryRequest(user, n))

    def item(self, item: ItemKey) -> ItemFacts:
        """An item with its attributes."""
        return self.service.item(item)

    def add_event(
        self,
        event: str,
        user: UserKey,
        item: ItemKey,
        value: float | None = None,
        *,
        at: datetime | float | None = None,
        event_id: str | None = None,
        context: ContextValues | None = None,
    ) -> EventReceipts:
        """Accept an event: durable when this returns, and seen by the user's next request."""
        return self.service.accept_events([EventRequest(event, user, item, value, at, event_id, context)])
