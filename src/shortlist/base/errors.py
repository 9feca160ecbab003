"""Every error a user can meet, as one tree.

::

    ShortlistError
    ├── DeclarationError     the System file contradicts itself
    ├── DataError            tables or events cannot be read or used
    ├── NotFoundError        a named thing (item, release, system) does not exist
    ├── InvalidRequestError  a query asks for something impossible; names the field
    │   └── PictureError     a picture cannot be used; has a reason of a closed set
    ├── ReleaseError         a release is damaged, foreign or from a newer version
    ├── StoreError           the state store cannot accept or give back events
    ├── UnavailableError     a component cannot answer now; the request path may go on without it
    └── MissingExtraError    an optional dependency is not installed

Messages say what is wrong and what to do. Anything outside the tree is a programmer's error and stays loud.
"""

from typing import Literal

PictureReason = Literal[
    "empty",
    "not a picture",
    "unsupported format",
    "truncated",
    "damaged",
    "too many pixels",
    "too many bytes",
    "too many scans",
    "too small",
    "animated",
    "missing",  # there is no such file, or nothing at the address
    "not fetched",  # the address did not answer
]


class ShortlistError(Exception):
    """Base of all errors that Shortlist raises on purpose."""


class DeclarationError(ShortlistError):
    """The System file contradicts itself or the data; lists every problem at once."""

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        count = len(self.problems)
        head = "" if count == 1 else f"{count} problems:\n"
        super().__init__(
            head + "\n".join(self.problems if count == 1 else [f"  - {p}" for p in self.problems])
        )


class DataError(ShortlistError):
    """Tables or events cannot be read or used."""


class NotFoundError(ShortlistError):
    """A named thing does not exist."""


class InvalidRequestError(ShortlistError):
    """A query asks for something impossible.

    ``field`` names the part of the request that is wrong.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


class PictureError(InvalidRequestError):
    """A picture cannot be used: it is broken, hostile, or not there. ``reason`` is for machines."""

    def __init__(self, reason: PictureReason, message: str) -> None:
        self.reason = reason
        super().__init__("picture", f"{reason}: {message}")


class ReleaseError(ShortlistError):
    """A release is damaged, foreign, or written by a newer version."""


class StoreError(ShortlistError):
    """The state store cannot accept or give back events."""


class UnavailableError(ShortlistError):
    """A component cannot answer now; the request path may go on without it and says so in the slate."""


class MissingExtraError(ShortlistError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, why: str) -> None:
        super().__init__(f"{why} needs the package {package!r}: pip install 'shortlist[{extra}]'")
