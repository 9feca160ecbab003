"""One call of a use case at work: read the state, run the path, assemble, defer counters and exposures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from shortlist.base.contexts import must_be_declared
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries, Ragged
from shortlist.base.types import AnyArray
from shortlist.pipeline.slate import Slates
from shortlist.service import assemble
from shortlist.service.active_release import View
from shortlist.service.answers import Predictions, SearchResults, Slate, StageTrace
from shortlist.service.call import Call
from shortlist.service.histories import histories_of
from shortlist.service.metrics import Metrics
from shortlist.service.online_state import OnlineState, now
from shortlist.service.pictures import QueryPicture
from shortlist.service.requests import Conditions, ContextValues
from shortlist.storage.store import EventStore, Exposure


class SlateRequest(Protocol):
    """A request for ``n`` items that satisfy ``where``."""

    @property
    def n(self) -> int:
        """How many items to return."""

    @property
    def where(self) -> Conditions | None:
        """Attributes that items must have."""


class Answering:
    """One call of the use case ``kind``. A context manager: without a ``call`` of the interface, it ends its own."""

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

    # What the call reads

    def moment(self) -> int:
        """Now, in microseconds."""
        return self._state.moment()

    def view(self) -> View:
        """The view of now, the latest deletions included. Asks the store once."""
        view = self._state.with_deletions(self._store.read_state((), 0).deletions)
        self.call.stage("read_state")
        return view

    def user_queries(
        self, users: Sequence[str | None], contexts: Sequence[ContextValues | None]
    ) -> tuple[View, Queries]:
        """The view of now, and a query for each user (None: no user) with all that the user did up to now.

        Asks the store once. All are of one moment, after every event of theirs, also of a client whose clock is
        ahead: live features read one moment at a time, and it never goes back.
        """
        context = encode_contexts(self._state.view, contexts)
        unique = list(dict.fromkeys(user for user in users if user is not None))
        read = self._store.read_state(unique, self._state.view.release.watermark)
        view = self._state.with_deletions(read.deletions)
        histories = histories_of(view, unique, read) if unique else Histories.empty(len(users))
        if unique and len(users) > 1:
            rows = {user: row for row, user in enumerate([*unique, None])}
            histories = Histories.stacked([histories, Histories.empty(1)])
            histories = histories.take(np.array([rows[user] for user in users]))
        moment = self._state.moment(after=int(histories.at.max(initial=-1)))
        self.call.stage("read_state")
        return view, Queries(histories, np.full(len(users), moment), context)

    # What the path makes of it

    def recommend(
        self,
        view: View,
        queries: Queries,
        requests: Sequence[SlateRequest],
        excluded: Ragged | None,
    ) -> list[Slates]:
        """The slate of each request, as a batch of one. Those with the same ``n`` and ``where`` run together."""
        groups: dict[tuple[int, str], list[int]] = {}
        for row, request in enumerate(requests):
            groups.setdefault((request.n, repr(request.where)), []).append(row)
        slates: dict[int, Slates] = {}
        for group in groups.values():
            rows, request = np.array(group), requests[group[0]]
            ran = view.pipeline.recommend(
                queries if len(groups) == 1 else queries.take(rows),
                request.n,
                where=request.where,
                live=view.live,
                excluded=None if excluded is None else excluded.take(rows),
            )
            self.call.path(ran.stages)
            slates.update(zip(group, ran.split(len(group)), strict=True))
        return [slates[row] for row in range(len(requests))]

    def rank(self, view: View, queries: Queries, given: Ragged) -> list[Slates]:
        """The given items of each query that may be shown, best first."""
        slates = view.pipeline.rank(queries, given, live=view.live)
        self.call.path(slates.stages)
        return slates.split(len(queries))

    def predict(self, view: View, queries: Queries, items: Sequence[int]) -> Slates:
        """The given item of each query with its probabilities, in the order of the queries."""
        slates = view.pipeline.predict(queries, Ragged.from_lists([[item] for item in items]))
        self.call.path(slates.stages)
        return slates

    # What is answered

    def slates(
        self,
        view: View,
        slates: Sequence[Slates],
        users: Sequence[str | None],
        *,
        without_source: str = "popular",
    ) -> list[Slate]:
        """One answer for each slate; ``without_source`` is the reason for items that no source retrieved."""
        items = [assemble.slate_items(view, each, without_source) for each in slates]
        took, stages = self._assembled(slates)
        answers = [
            Slate(
                self._id(row, len(slates)),
                view.number,
                entries,
                list(each.degraded),
                took,
                user,
                stages=stages,
            )
            for row, (entries, each, user) in enumerate(zip(items, slates, users, strict=True))
        ]
        self._expose(view, answers, users)
        return answers

    def results(
        self, view: View, slates: Sequence[Slates], pictures: Sequence[QueryPicture | None]
    ) -> list[SearchResults]:
        """One answer for each search."""
        items = [assemble.search_items(view, each) for each in slates]
        crops = [
            None if picture is None or picture.crop is None else list(picture.crop) for picture in pictures
        ]
        took, stages = self._assembled(slates)
        answers = [
            SearchResults(
                self._id(row, len(slates)), view.number, entries, crop, list(each.degraded), took, stages
            )
            for row, (entries, each, crop) in enumerate(zip(items, slates, crops, strict=True))
        ]
        self._expose(view, answers, [None] * len(answers))
        return answers

    def predictions(self, view: View, slates: Slates, users: Sequence[str | None]) -> Predictions:
        """The answer to rows that were predicted."""
        rows = assemble.predictions(view, slates, users)
        took, stages = self._assembled([slates])
        return Predictions(self.call.request_id, view.number, rows, list(slates.degraded), took, stages)

    def _id(self, row: int, rows: int) -> str:
        return self.call.request_id if rows == 1 else f"{self.call.request_id}-{row}"

    def _assembled(self, slates: Sequence[Slates]) -> tuple[float, list[StageTrace]]:
        """End the trace: milliseconds in all, and how each stage went. Counters follow the answer."""
        self.call.stage("assemble")
        stages, metrics = tuple(self.call.stages), self._metrics
        degraded = any(each.degraded for each in slates)
        self.call.defer(lambda: metrics.answered(stages, degraded=degraded))
        return round(self.call.took_ms, 3), assemble.stage_traces(stages)

    def _expose(
        self,
        view: View,
        answers: Sequence[Slate | SearchResults],
        users: Sequence[str | None],
    ) -> None:
        store, kind, moment = self._store, self._kind, now()

        def expose() -> None:
            for answer, user in zip(answers, users, strict=True):
                shown = tuple(entry.item for entry in answer.items)
                store.expose(Exposure(answer.request_id, view.number, kind, user, moment, shown))

        self.call.defer(expose)


def encode_contexts(view: View, contexts: Sequence[ContextValues | None]) -> AnyArray | None:
    """int16[rows, contexts]; None where no context is declared. InvalidRequestError on a name that is not."""
    names = view.contexts.names
    for context in contexts:
        must_be_declared(context, names)
    return view.contexts.codes(contexts)
