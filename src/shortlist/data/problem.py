"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something in which the declaration and the data disagree."""

    severity: str  # "error": nothing can come of it; "warning": worth a look
    file: str
    message: str
    column: str | None = None
    examples: tuple[str, ...] = ()  # rows, by their numbers (1 is the first row of data)

    def __str__(self) -> str:
        place = self.file if self.column is None else f"{self.file}, column {self.column!r}"
        shown = f" (for example {'; '.join(self.examples)})" if self.examples else ""
        return f"{place}: {self.message}{shown}"
