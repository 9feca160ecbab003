"""One use case at work: it reads the state once, puts answers together, and defers counters and exposures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.base.contexts import must_be_declared
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries
from shortlist.base.types import AnyArray
from shortlist.pipeline.slate import Slates, Stage
from shortlist.service import assemble
from shortlist.service.active_release import View
from shortlist.service.answers import Predictions, SearchResults, Slate
from shortlist.service.call import Call
from shortlist.service.histories import histories_of
from shortlist.service.metrics import Metrics
from shortlist.service.online_state import OnlineState, now
from shortlist.service.pictures import QueryPicture
from shortlist.service.requests import ContextValues
from shortlist.storage.store import EventStore, Exposure


class Answering:
    """One use case at work: reads the state once, puts answers together, defers counters and exposures."""

    def __init__(
        self, kind: str, state: OnlineState, store: EventStore, metrics: Metrics, call: Call | None
    ) -> None:
        self._kind, self._state, self._store, self._metrics = kind, state, store, metrics
        self._own, self.call = call is None, call or Call()

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._own and kind is None:
            self.call.finish()

    def view(self) -> View:
        """The view of now, deletions of the last moment included."""
        view = self._state.with_deletions(self._store.read_state((), 0).deletions)
        self.call.stage("read_state")
        return view

    def queries(
        self, users: Sequence[str | None], contexts: Sequence[ContextValues | None]
    ) -> tuple[View, Queries]:
        """The view of now, and one query for each user: all they did up to now, asked now.

        None is a row without a user. Events of clocks that run ahead are not hidden from their own author.
        """
        store, state = self._store, self._state
        context = encode_contexts(state.view, contexts)
        named = list(dict.fromkeys(user for user in users if user is not None))
        read = store.read_state(named, state.view.release.watermark)
        view = state.with_deletions(read.deletions)
        if named:
            index = {user: row for row, user in enumerate([*named, None])}
            parts = [histories_of(view, named, read), *([Histories.empty(1)] if None in users else [])]
            histories = Histories.stacked(parts)
            if len(users) > 1:
                histories = histories.take(np.array([index[user] for user in users]))
        else:
            histories = Histories.empty(len(users))
        moment = state.moment(int(histories.at.max(initial=-1)) + 1)
        self.call.stage("read_state")
        return view, Queries(histories, np.full(len(users), moment), context)

    def slates(
        self,
        view: View,
        slates: Sequence[Slates],
        users: Sequence[str | None],
        *,
        without_source: str = "popular",
    ) -> list[Slate]:
        """One answer for each slate."""
        stages = _path_stages(slates)
        self.call.path(stages)
        answers = []
        for row, (each, user) in enumerate(zip(slates, users, strict=True)):
            items = assemble.slate_items(view, each, without_source)
            degraded = list(each.degraded)
            answers.append(Slate(self._id(row, len(slates)), view.number, items, degraded, 0.0, user))
        self.call.stage("assemble")
        traces = assemble.stage_traces(self.call.stages)
        for answer in answers:
            answer.stages, answer.took_ms = traces, round(self.call.elapsed_ms, 3)
        self._afterwards(view, answers)
        return answers

    def results(
        self, view: View, slates: Sequence[Slates], pictures: Sequence[QueryPicture | None]
    ) -> list[SearchResults]:
        """One answer for each search."""
        self.call.path(_path_stages(slates))
        answers = []
        for row, (each, picture) in enumerate(zip(slates, pictures, strict=True)):
            crop = None if picture is None or picture.crop is None else list(picture.crop)
            items = assemble.search_items(view, each)
            answers.append(
                SearchResults(
                    self._id(row, len(slates)), view.number, items, crop, list(each.degraded), 0.0, []
                )
            )
        self.call.stage("assemble")
        traces = assemble.stage_traces(self.call.stages)
        for answer in answers:
            answer.stages, answer.took_ms = traces, round(self.call.elapsed_ms, 3)
        self._afterwards(view, answers)
        return answers

    def predictions(self, view: View, slates: Slates, users: Sequence[str | None]) -> Predictions:
        """The answer to rows that were judged."""
        self.call.path(slates.stages)
        rows = assemble.predictions(view, slates, users)
        self.call.stage("assemble")
        took = round(self.call.elapsed_ms, 3)
        traces = assemble.stage_traces(self.call.stages)
        answer = Predictions(self.call.request_id, view.number, rows, list(slates.degraded), took, traces)
        self._count(slates.degraded)
        return answer

    def _id(self, row: int, rows: int) -> str:
        return self.call.request_id if rows == 1 else f"{self.call.request_id}-{row}"

    def _count(self, degraded: Sequence[str]) -> None:
        stages, metrics = tuple(self.call.stages), self._metrics
        self.call.defer(lambda: metrics.answered_stages(stages, degraded))

    def _afterwards(self, view: View, answers: Sequence[Slate] | Sequence[SearchResults]) -> None:
        store, kind, moment = self._store, self._kind, now()
        self._count([note for answer in answers for note in answer.degraded])

        def expose() -> None:
            for answer in answers:
                user = answer.user if isinstance(answer, Slate) else None
                shown = tuple(entry.item for entry in answer.items)
                store.expose(Exposure(answer.request_id, view.number, kind, user, moment, shown))

        self.call.defer(expose)


def encode_contexts(view: View, contexts: Sequence[ContextValues | None]) -> AnyArray | None:
    """int16[rows, contexts]; None where no context is declared. InvalidRequestError on a name that is not."""
    for context in contexts:
        must_be_declared(context, view.contexts.names)
    return view.contexts.codes(contexts)


def _path_stages(slates: Sequence[Slates]) -> tuple[Stage, ...]:
    """Those of the path, of requests that went through it together once."""
    runs = {id(each.stages): each.stages for each in slates}
    return tuple(stage for stages in runs.values() for stage in stages)
