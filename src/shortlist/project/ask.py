"""Ask the published release from this process, with the answers that the server would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from shortlist.base.errors import InvalidRequestError, NotFoundError
from shortlist.base.threads import one_thread
from shortlist.pipeline.release import load
from shortlist.server import answers
from shortlist.server.engine import Engine
from shortlist.server.found import search_items
from shortlist.server.uploads import opened
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases

HISTORY = 8  # newest events that are shown of a person


class Asker:
    """A context that holds the published release open. Raises NotFoundError where none is published."""

    def __init__(self, home: Home) -> None:
        releases = Releases(home)
        number = releases.current()
        if number is None:
            raise NotFoundError(
                f"{home.path} has no published release: run `shortlist train FILE`, then `publish`"
            )
        self._store = open_store(home)
        self._engine = Engine(self._store, home.pictures)
        self._engine.swap(releases.facts(number), load(releases.open(number)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._store.close()

    def history(self, user: str, n: int = HISTORY) -> dict[str, Any]:
        """The newest events of ``user``, as the REST answer."""
        active = self._engine.active
        history = self._engine.history(active, user)
        return _plain(answers.user_history(active, user, history, n))

    def recommend(self, user: str, n: int, *, context: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The slate of ``user``, with the fields of the REST answer that hold here."""
        start = perf_counter()
        with one_thread():
            answer = self._engine.recommend(user, n, context=context)
        return {
            "release": answer.active.facts.number,
            "user": user,
            "items": [_plain(entry) for entry in answers.slate_items(answer)],
            "stages": [_plain(stage) for stage in answers.stages(answer)],
            "degraded": list(answer.slates.degraded),
            "took_ms": (perf_counter() - start) * 1000,
        }

    def search(
        self,
        n: int,
        *,
        picture: bytes | None = None,
        item: str | None = None,
        words: str = "",
        crop: tuple[float, ...] | Literal["auto"] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What is like the ``picture`` (bytes of a file) or the ``item``, and says the ``words``: as REST answers.

        Raises PictureError, InvalidRequestError that names the field, NotFoundError.
        """
        start = perf_counter()
        if picture is None and item is None and not words.strip():
            raise InvalidRequestError("body", "name what to look for: a picture, an item or words")
        upload = opened(picture, crop) if picture is not None else None
        with one_thread():
            answer = self._engine.search(
                n, picture=upload.picture if upload else None, item=item, words=words, where=where
            )
        return {
            "release": answer.active.facts.number,
            "items": [_plain(entry) for entry in search_items(answer)],
            "stages": [_plain(stage) for stage in answers.stages(answer)],
            "degraded": list(answer.slates.degraded),
            "crop": list(upload.crop) if upload and upload.crop else None,
            "decode_ms": upload.ms if upload else 0.0,
            "took_ms": (perf_counter() - start) * 1000,
        }

    def explain(self, user: str, items: Sequence[str], n: int) -> list[dict[str, Any]]:
        """Why each item is in the slate of ``user``, or why not. NotFoundError for unknown items."""
        _, found = self._engine.explain(user, items, n)
        return [_plain(answers.item_explanation(each)) for each in found]


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(struct)
    return plain
