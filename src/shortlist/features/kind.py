"""What a kind of feature is to the engine: a definition that knows its problems, what it learns, and its block.

A kind is one class: a frozen dataclass that a System declares, with the hooks below. Nothing else lists it: a
System takes any `Definition`, and a release finds the class by its import path.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shortlist.base.contexts import Contexts
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.base.users import Users
from shortlist.features.readers.item_readers import ItemReaders, LiveItems
from shortlist.features.readers.reader import ItemStatistics
from shortlist.system.contracts import TrainingData
from shortlist.system.event import Event
from shortlist.system.features import Definition


@dataclass(frozen=True)
class BlockInputs:
    """What blocks are made from."""

    items: Items
    users: Users
    codes: Mapping[Event, int]  # of events in histories
    contexts: Contexts  # with the vocabulary of each
    learned: Mapping[str, Any]  # what training fixed, by the keys of ``FeatureKind.learns``
    readers: ItemReaders  # of the events of items: as of past moments, or `LiveItems`

    @property
    def live(self) -> bool:
        """Whether features are read now, not as of past moments."""
        return isinstance(self.readers, LiveItems)


class Block(ABC):
    """A few columns computed together."""

    names: Sequence[str]
    definitions: Sequence[FeatureKind] = ()  # what each column was declared as

    @abstractmethod
    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """float32[candidates, names]; NaN where a value is missing.

        A candidate's values do not depend on the other candidates.
        """

    def with_new_items(self, items: Items) -> Block:  # noqa: ARG002
        """The block over ``items``, the catalogue with more at its end; itself where it keeps nothing of items.

        What is kept of items is appended to: nothing is computed again for those that it has. Requests that began
        before may still use the block as it was.
        """
        return self


BlockMaker = Callable[[Sequence[Any], BlockInputs], Block]  # of the definitions that share the block


class FeatureKind(Definition, ABC):
    """A kind of feature. Its fields are JSON values, events, or frozen dataclasses of such."""

    @property
    @abstractmethod
    def block(self) -> BlockMaker:
        """Makes the block that computes the columns."""

    @property
    def block_key(self) -> Hashable:
        """Definitions with the same ``block`` and the same key are computed together."""
        return None

    def data_problems(self, data: TrainingData) -> Iterator[str]:  # noqa: ARG002
        """What in ``data`` contradicts the definition: attributes that are missing or of another kind."""
        return iter(())

    def learns(
        self,
        data: TrainingData,  # noqa: ARG002
        codes: Mapping[Event, int],  # noqa: ARG002
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """What training fixes for the life of a release: a key, and what computes the value.

        Values are JSON or arrays. Definitions with the same key share one value.
        """
        return iter(())

    @property
    def item_statistics(self) -> Mapping[tuple[Event, str | None], ItemStatistics]:
        """What the live readers must keep of items' events, by event and the context that divides them (or None)."""
        return {}

    @property
    def owner(self) -> str:
        """Whose number it is: ``"user"``, ``"item"``, ``"user × brand"``, ``"request"``."""
        return "item"

    @property
    def window_text(self) -> str:
        """The window or half-life as it is shown."""
        return ""

    @property
    def entity(self) -> str | None:
        """``"user"`` or ``"item"`` where a value belongs to one of them alone and Shortlist computes it."""
        return self.owner if self.owner in {"user", "item"} else None
