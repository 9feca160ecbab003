"""The Python interface: a System with its home, every verb of the command line as a method.

::

    import shortlist

    films = shortlist.open("movies.py")
    films.ingest()
    films.train()
    films.publish()
    films.recommend("42", n=10)

In a notebook answers show themselves as tables, an evaluation as its report, and long work as bars.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import polars as pl

from shortlist.base.errors import InvalidRequestError, NotFoundError
from shortlist.base.progress import SILENT, Progress
from shortlist.evaluation.evaluation import Evaluation
from shortlist.project import verbs
from shortlist.project.local_service import open_service
from shortlist.project.notebook import NotebookProgress, in_notebook
from shortlist.project.project import Project, open_project, project_of
from shortlist.project.results import Ingestion, Problems, ReleaseList, Report, Training
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
    RankRequest,
    RecommendRequest,
    SearchRequest,
    ServiceRequest,
    SimilarRequest,
    UserKey,
)
from shortlist.service.service import Service
from shortlist.system.system import System

R = TypeVar("R", bound=ServiceRequest)


def open(
    system: System | str | Path, *, home: str | Path | None = None, progress: Progress | None = None
) -> OpenSystem:
    """Open a System, or the Python file that declares one.

    Tables are relative to the file's folder, or to the working folder where a System is given. ``home`` is the
    folder of its state (default: ``SHORTLIST_HOME``, else ``.shortlist/NAME``); ``progress`` shows long work
    (default: bars in a notebook, elsewhere nothing). Raises NotFoundError, DeclarationError.
    """
    place = None if home is None else Path(home)
    project = (
        project_of(system, home=place) if isinstance(system, System) else open_project(Path(system), place)
    )
    return OpenSystem(project, progress)


class OpenSystem:
    """A System and its home. Closing it, also by leaving it as a context, closes the store."""

    def __init__(self, project: Project, progress: Progress | None = None) -> None:
        self.project = project
        self._progress = progress or (NotebookProgress() if in_notebook() else SILENT)
        self._service: Service | None = None
        self._release: int | None = None

    def __repr__(self) -> str:
        return f"System {self.project.system.name!r} in {self.project.home.path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; the next request opens it again."""
        if self._service is not None:
            self._service.store.close()
        self._service = self._release = None

    # Verbs

    def check(self) -> Problems:
        """Everything in which the declaration and the data disagree."""
        with self._progress.step("checking the declaration against the data"):
            problems = verbs.check(self.project)
        return Problems(sorted(problems, key=lambda problem: problem.severity != "error"))

    def ingest(self) -> Ingestion:
        """Read what is new in the declared tables. Raises DataError, DeclarationError."""
        return Ingestion(verbs.ingest(self.project, self._progress))

    def evaluate(self) -> Report:
        """Train on the older part of the log, replay the newer, compare all models; writes the report."""
        data, _ = verbs.dataset(self.project, self._progress)
        run = verbs.training_run(self.project, self._progress)
        return self._report(verbs.evaluate(self.project, data, run).evaluation)

    def train(self) -> Training:
        """Evaluate, choose a ranker, fit it on the whole log, and add a release; ``publish`` makes it serve."""
        verbs.compact(self.project.home)
        with verbs.learning(self.project.home):
            data, watermark = verbs.dataset(self.project, self._progress)
            run = verbs.training_run(self.project, self._progress, releases=True)
            evaluation = verbs.evaluate(self.project, data, run).evaluation
            number = verbs.train(self.project, data, watermark, evaluation, run)
        return Training(number, self._report(evaluation))

    def publish(self, release: int | None = None) -> int:
        """Make ``release`` (default: the newest) serve, here and in every running server; its number."""
        number = release if release is not None else self._newest()
        self.project.releases.publish(number)
        return number

    def releases(self) -> ReleaseList:
        """All releases, oldest first."""
        return ReleaseList(self.project.releases.list())

    def _newest(self) -> int:
        releases = self.releases()
        if not releases:
            raise NotFoundError(f"{self.project.home.path} has no release to publish: train makes one")
        return releases[-1].number

    def _report(self, evaluation: Evaluation) -> Report:
        return Report.read(evaluation, self.project.home.evaluation / "report.html")

    # Use cases, answered by the published release

    def service(self) -> Service:
        """The use cases of the published release, for requests in batches. Raises NotFoundError where none is."""
        current = self.project.releases.current()
        if self._service is None or current != self._release:
            self.close()
            self._service, self._release = open_service(self.project.home), current
        self._service.update()
        return self._service

    def recommend(
        self,
        user: UserKey,
        n: int = 10,
        *,
        where: Conditions | None = None,
        exclude: Iterable[ItemKey] = (),
        context: ContextValues | None = None,
    ) -> Slate:
        """The best ``n`` items for the user now."""
        request = _request(
            RecommendRequest, user=user, n=n, where=where, exclude=_keys(exclude), context=context
        )
        return self.service().recommend([request])[0]

    def similar(
        self,
        item: ItemKey,
        n: int = 10,
        *,
        where: Conditions | None = None,
        context: ContextValues | None = None,
    ) -> Slate:
        """The best ``n`` items for a user of whom only this item is known."""
        request = _request(SimilarRequest, item=item, n=n, where=where, context=context)
        return self.service().similar([request])[0]

    def rank(self, user: UserKey, items: Iterable[ItemKey], *, context: ContextValues | None = None) -> Slate:
        """The given items, best first for the user."""
        request = _request(RankRequest, user=user, items=_keys(items), context=context)
        return self.service().rank([request])[0]

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
        request = _request(SearchRequest, picture=content, item=item, text=text, crop=crop, n=n, where=where)
        return self.service().search([request])[0]

    def predict(self, rows: Iterable[Mapping[str, Any]] | pl.DataFrame) -> Predictions:
        """The probability of every objective for each row: an ``item``, and a ``user`` and ``context`` if any."""
        given = rows.to_dicts() if isinstance(rows, pl.DataFrame) else [dict(row) for row in rows]
        return self.service().predict(_request(PredictRequest, rows=given))

    def explain(
        self,
        user: UserKey,
        items: Iterable[ItemKey] | ItemKey,
        n: int = 20,
        *,
        context: ContextValues | None = None,
    ) -> Explanations:
        """Why items are in the user's slate of ``n``, or why not."""
        request = _request(ExplainRequest, user=user, items=_keys(items), n=n, context=context)
        return self.service().explain(request)

    def history(self, user: UserKey, n: int = 20) -> UserHistory:
        """The user's newest events."""
        return self.service().history(_request(HistoryRequest, user=user, n=n))

    def item(self, item: ItemKey) -> ItemFacts:
        """An item with its attributes."""
        return self.service().item(item)

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
        """Accept an event: durable when this returns, and part of the user's next request."""
        request = _request(
            EventRequest,
            event=event,
            user=user,
            item=item,
            value=value,
            at=at,
            event_id=event_id,
            context=context,
        )
        return self.service().submit_events([request], single=True).result()


def _request(kind: type[R], **fields: Any) -> R:
    """A request within its bounds. Raises InvalidRequestError that names the field."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise InvalidRequestError(re.sub(r"[`$]+\.?", "", path) or "request", message) from None


def _keys(items: Iterable[ItemKey] | ItemKey) -> list[ItemKey]:
    """The keys of one item or of several."""
    return [items] if isinstance(items, str | int) else [*items]
