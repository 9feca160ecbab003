"""The use cases of a served release, for any interface: typed requests in, typed answers out.

Those that answer with slates take a list of requests, which go through the path together (one for REST, thousands
in a batch), and give one answer for each, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import numpy as np

from shortlist.base.errors import InvalidRequestError, UnavailableError
from shortlist.base.histories import Histories
from shortlist.base.items import PICTURES
from shortlist.base.queries import Queries, Ragged, SearchQuery
from shortlist.data.log.added_items import checked
from shortlist.pipeline.explain import explain
from shortlist.pipeline.release import Release
from shortlist.pipeline.slate import Slates
from shortlist.service import assemble
from shortlist.service.active_release import ActiveRelease, View
from shortlist.service.answering import Answering, encode_contexts
from shortlist.service.answers import (
    EventReceipt,
    EventReceipts,
    Explanations,
    ExposureReceipt,
    ItemFacts,
    ItemReceipt,
    ItemState,
    LeftOut,
    Predictions,
    ReleaseState,
    SearchResults,
    Slate,
    UserHistory,
)
from shortlist.service.call import Call
from shortlist.service.events import accepted
from shortlist.service.histories import histories_of
from shortlist.service.metrics import Metrics
from shortlist.service.online_state import OnlineState, now
from shortlist.service.pictures import QueryPicture, read_picture
from shortlist.service.requests import (
    EventRequest,
    ExplainRequest,
    ExposureRequest,
    HistoryRequest,
    ItemKey,
    ItemRequest,
    PredictRequest,
    RankRequest,
    RecommendRequest,
    SearchRequest,
    SimilarRequest,
)
from shortlist.storage.releases import ReleaseFacts
from shortlist.storage.store import EventStore, Exposure

T = TypeVar("T")
R = TypeVar("R")


class Service:
    """Answers from the active release and the store. Methods may run in many threads at once.

    Everything raises UnavailableError as long as no release is active, and StoreError where the store fails.
    """

    def __init__(
        self, store: EventStore, pictures: Path | None = None, metrics: Metrics | None = None
    ) -> None:
        """``pictures``: the folder of the home's album; None: no pictures can be taken in."""
        self.store, self._pictures = store, pictures
        self.metrics = metrics or Metrics()
        self._state: OnlineState | None = None

    # The release

    @property
    def is_ready(self) -> bool:
        """Is a release active?"""
        return self._state is not None

    @property
    def state(self) -> OnlineState:
        """The active release with what has changed since. Raises UnavailableError."""
        if self._state is None:
            raise UnavailableError(
                "no release serves yet: train and publish one, and this server takes it up"
            )
        return self._state

    def activate(self, facts: ReleaseFacts, release: Release) -> None:
        """Serve ``release`` from the next request on, after it answered two trial requests.

        Whatever a trial raises leaves the old release active.
        """
        moment = np.array([now()])
        release.pipeline.recommend(Queries(Histories.empty(1), moment), 1)
        if len(release.pipeline.items):
            release.pipeline.recommend(Queries(Histories.from_lists([[0]]), moment), 1)
        self._state = OnlineState(ActiveRelease(facts, release), self.store, self._pictures)

    def update(self) -> None:
        """Take in what other processes accepted since the last call: events, new items, deletions."""
        if self._state is not None:
            self._state.update()

    def release_state(self) -> ReleaseState:
        """What the active release was made from and how it did."""
        return assemble.release_state(self.state.view)

    def _answering(self, kind: str, call: Call | None) -> Answering:
        return Answering(kind, self.state, self.store, self.metrics, call)

    # Slates

    def recommend(self, requests: Sequence[RecommendRequest], call: Call | None = None) -> list[Slate]:
        """The best ``n`` items for each user now. A user without events gets what is popular."""
        with self._answering("recommend", call) as answering:
            users = [str(request.user) for request in requests]
            view, queries = answering.user_queries(users, [request.context for request in requests])
            _must_retrieve(view, "user")
            excluded = None
            if any(request.exclude for request in requests):
                excluded = Ragged.from_lists(
                    [_known_positions(view, request.exclude) for request in requests]
                )
            slates = answering.recommend(view, queries, requests, excluded)
            return answering.slates(view, slates, users)

    def similar(self, requests: Sequence[SimilarRequest], call: Call | None = None) -> list[Slate]:
        """The best ``n`` items for a user who has only seen this one, which itself is left out. NotFoundError."""
        with self._answering("similar", call) as answering:
            view = answering.view()
            _must_retrieve(view, "item")
            anchors = [[view.position(str(request.item))] for request in requests]
            moment = answering.moment()
            queries = Queries(
                Histories.from_lists(anchors, at=[[moment - 1]] * len(anchors)),
                np.full(len(anchors), moment),
                encode_contexts(view, [request.context for request in requests]),
            )
            slates = answering.recommend(view, queries, requests, Ragged.from_lists(anchors))
            return answering.slates(view, slates, [None] * len(requests))

    def rank(self, requests: Sequence[RankRequest], call: Call | None = None) -> list[Slate]:
        """The given items that are known, not deleted and not filtered, best first; the others with a reason."""
        with self._answering("rank", call) as answering:
            users = [str(request.user) for request in requests]
            view, queries = answering.user_queries(users, [request.context for request in requests])
            given = Ragged.from_lists([_known_positions(view, request.items) for request in requests])
            slates = answering.rank(view, queries, given)
            left_out = [_left_out(view, *each) for each in zip(requests, slates, strict=True)]
            answers = answering.slates(view, slates, users, without_source="given")
            for answer, missing in zip(answers, left_out, strict=True):
                answer.left_out = missing
            return answers

    def search(
        self,
        requests: Sequence[SearchRequest],
        call: Call | None = None,
        pictures: Sequence[QueryPicture | None] | None = None,
    ) -> list[SearchResults]:
        """Items that look like the picture or the item, and match the text; the item itself is left out.

        ``pictures``: those of the requests, in place of their bytes, where the caller has read them (`read_picture`).
        Raises PictureError, NotFoundError, InvalidRequestError.
        """
        with self._answering("search", call) as answering:
            if pictures is None:
                pictures = [None if r.picture is None else read_picture(r.picture, r.crop) for r in requests]
                answering.call.stage("read_picture")
            for request, picture in zip(requests, pictures, strict=True):
                _must_search(request, picture)
            view = answering.view()
            _must_retrieve(view, "body")
            anchors = [[] if r.item is None else [view.position(str(r.item))] for r in requests]
            search = SearchQuery.from_parts(
                [None if each is None else each.picture for each in pictures],
                [request.text for request in requests],
                [anchor[0] if anchor else -1 for anchor in anchors],
            )
            moments = np.full(len(requests), answering.moment())
            queries = Queries(Histories.empty(len(requests)), moments, search=search)
            slates = answering.recommend(view, queries, requests, Ragged.from_lists(anchors))
            return answering.results(view, slates, pictures)

    def predict(self, request: PredictRequest, call: Call | None = None) -> Predictions:
        """The probability of every objective for each row, in their order; nothing is filtered. NotFoundError."""
        with self._answering("predict", call) as answering:
            users = [None if row.user is None else str(row.user) for row in request.rows]
            view, queries = answering.user_queries(users, [row.context for row in request.rows])
            if view.pipeline.ranker is None:
                raise InvalidRequestError("rows", "this System has no ranker to predict with")
            slates = answering.predict(view, queries, [view.position(str(row.item)) for row in request.rows])
            return answering.predictions(view, slates, users)

    def explain(self, request: ExplainRequest, call: Call | None = None) -> Explanations:
        """Why each item is in the user's slate of ``n``, or why not. NotFoundError."""
        with self._answering("explain", call) as answering:
            user = str(request.user)
            view, queries = answering.user_queries([user], [request.context])
            positions = np.array([view.position(str(item)) for item in request.items], np.int32)
            explanations = explain(view.pipeline, queries, positions, request.n, live=view.live)
            items = [assemble.item_explanation(each) for each in explanations]
            return Explanations(answering.call.request_id, view.number, user, items)

    def history(self, request: HistoryRequest) -> UserHistory:
        """What the user did to items of the catalogue; of an unknown user, nothing."""
        user = str(request.user)
        view = self.state.view
        read = self.store.read_state([user], view.release.watermark)
        return assemble.user_history(view, user, histories_of(view, [user], read), request.n)

    # Events and exposures

    def submit_events(
        self, requests: Sequence[EventRequest], *, single: bool = False
    ) -> Future[EventReceipts]:
        """Accept events: all are durable, or none is, when the future has its result; counted once by their id.

        Does not wait, so an event loop may call it. Raises InvalidRequestError that names the field, as
        ``[index].field`` unless it is a ``single`` event that came without a list.
        """
        view = self.state.view
        batch = accepted(view.event_codes, view.contexts.names, requests, single=single)
        known = (view.pipeline.items.positions(event.item for event in batch) >= 0).tolist()

        def receipts(is_new: list[bool]) -> EventReceipts:
            self.metrics.accepted(is_new)
            facts = zip(batch, is_new, known, strict=True)
            return EventReceipts([EventReceipt(event.event_id, new, old) for event, new, old in facts])

        return _mapped(self.store.submit(batch), receipts)

    def accept_events(self, requests: Sequence[EventRequest]) -> EventReceipts:
        """``submit_events`` and wait."""
        return self.submit_events(requests).result()

    def record_exposure(self, request: ExposureRequest, call: Call | None = None) -> ExposureReceipt:
        """Note what a client really showed. Written with the next events; a process that dies may lose the newest."""
        request_id = request.request_id or (call or Call()).request_id
        user = None if request.user is None else str(request.user)
        shown = tuple(str(item) for item in request.items)
        self.store.expose(Exposure(request_id, self.state.view.number, "shown", user, now(), shown))
        return ExposureReceipt(request_id)

    # The catalogue

    def item(self, key: ItemKey) -> ItemFacts:
        """Its title and attributes, and whether it is deleted. NotFoundError."""
        view = self.state.with_deletions(self.store.deletion_count())
        return assemble.item_facts(view, view.position(str(key)))

    def picture(self, hash: str) -> bytes:
        """A picture of the catalogue by its content hash, as JPEG. NotFoundError."""
        return self.state.album().bytes(hash)

    def add_item(self, request: ItemRequest) -> ItemReceipt:
        """Take in an item that the catalogue does not list. Durable when this returns, retrieved from then on.

        One that is listed keeps what it has, and is not deleted any more. Raises InvalidRequestError that names the
        field, PictureError.
        """
        state, key = self.state, str(request.item)
        items = state.view.pipeline.items
        hashes = [state.album().add(picture) for picture in request.pictures]
        attributes = dict(request.attributes)
        if hashes:
            columns = [name for name, kind in items.table.schema.items() if kind == PICTURES]
            if len(columns) != 1:
                raise InvalidRequestError(
                    "pictures", f"items have {len(columns)} attributes of pictures, not one"
                )
            attributes[columns[0]] = hashes
        stored = checked(items.table, attributes)
        is_new = bool(items.positions([key])[0] < 0)
        if is_new:
            self.store.add_item(key, stored)
        self.store.restore_item(key)
        state.update()
        return ItemReceipt(key, is_new, hashes)

    def delete_item(self, key: ItemKey) -> ItemState:
        """Take an item out of every slate, in this release and in all that come, until it is restored."""
        self.store.delete_item(str(key))
        return self._item_state(str(key), deleted=True)

    def restore_item(self, key: ItemKey) -> ItemState:
        """Undo the deletion."""
        self.store.restore_item(str(key))
        return self._item_state(str(key), deleted=False)

    def _item_state(self, key: str, *, deleted: bool) -> ItemState:
        known = bool(self.state.view.pipeline.items.positions([key])[0] >= 0)
        return ItemState(key, deleted, known)


def _must_search(request: SearchRequest, picture: QueryPicture | None) -> None:
    """Raise InvalidRequestError unless the request has something to search for."""
    if picture is None and request.item is None and not request.text.strip():
        raise InvalidRequestError("body", "give a picture, an item or a text to search for")
    if picture is None and request.crop is not None:
        raise InvalidRequestError("crop", "is a part of a picture, and the request has none")


def _must_retrieve(view: View, field: str) -> None:
    """Raise InvalidRequestError unless the System has sources."""
    if not view.pipeline.sources:
        raise InvalidRequestError(
            field, "this System has no sources to retrieve items with: it can rank and predict"
        )


def _known_positions(view: View, keys: Sequence[ItemKey]) -> list[int]:
    """The positions of those of ``keys`` that the catalogue has."""
    return [position for position in view.pipeline.items.positions(map(str, keys)).tolist() if position >= 0]


def _left_out(view: View, request: RankRequest, slate: Slates) -> list[LeftOut]:
    """The items of the request that are not in its slate, each once, with the reason."""
    keys, ranked = list(dict.fromkeys(map(str, request.items))), set(slate.items.tolist())
    positions = view.pipeline.items.positions(keys).tolist()
    return [
        LeftOut(key, view.why_left_out(position))
        for key, position in zip(keys, positions, strict=True)
        if position not in ranked
    ]


def _mapped(future: Future[T], change: Callable[[T], R]) -> Future[R]:
    """The result of ``future``, changed; its error as it is. Cannot be cancelled: the work is under way."""
    changed: Future[R] = Future()
    changed.set_running_or_notify_cancel()

    def finished(done: Future[T]) -> None:
        try:
            changed.set_result(change(done.result()))
        except BaseException as error:
            changed.set_exception(error)

    future.add_done_callback(finished)
    return changed
