"""Features that need no events: what the catalogue says of an item, and what the request says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.base.errors import DeclarationError
from shortlist.system.event import CLOCK
from shortlist.system.features import Definition


@dataclass(frozen=True)
class ItemAttribute(Definition):
    """An attribute of the candidate as it is.

    A number is one column, a time its age in days when the query asks. Words (a category, tags) are a column of
    0 and 1 for each of the ``most`` words that most items have.
    """

    attribute: str
    most: int = 20

    def __post_init__(self) -> None:
        if self.most < 1:
            raise DeclarationError(
                f"the words of {self.attribute!r}: most must be at least 1, not {self.most}"
            )


@dataclass(frozen=True)
class Length(Definition):
    """How long the candidate's text is, in characters, or how many words its tags have."""

    attribute: str


@dataclass(frozen=True)
class Context(Definition):
    """What the request says of itself.

    ``Context("hour")`` (0 to 23, UTC) and ``Context("weekday")`` (0 is Monday) are numbers. A context that events
    declare is a column of 0 and 1 for each of its ``most`` most common words; all are missing where the request
    does not say it, or says a word that the log had not.
    """

    context: str
    most: int = 10

    def __post_init__(self) -> None:
        if self.most < 1:
            raise DeclarationError(f"the words of {self.context!r}: most must be at least 1, not {self.most}")

    @property
    def of_clock(self) -> bool:
        """Whether the moment alone tells it."""
        return self.context in CLOCK
