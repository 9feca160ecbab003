"""How figures are written, on pages and in terminals alike."""

from __future__ import annotations

from shortlist.evaluation.bootstrap import Interval

NOTHING = "–"  # an unknown figure


def share(value: float | None) -> str:
    """A metric between 0 and 1: three decimals."""
    return NOTHING if value is None else f"{value:.3f}"


def spread(interval: Interval) -> str:
    """The range of an interval."""
    return f"{interval.low:.3f} to {interval.high:.3f}"


def count(value: float) -> str:
    """A count: 12,345, or 1.2 million."""
    return f"{value / 1e6:.1f} million" if value >= 1e6 else f"{value:,.0f}"


def milliseconds(value: float | None) -> str:
    """A short time: 0.42 ms, 3.1 ms, 120 ms."""
    if value is None:
        return NOTHING
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"


def seconds(value: float | None) -> str:
    """A longer time: 0.4 s, 12 s, 3 min."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def size(value: int | None) -> str:
    """Bytes: 12 KB, 3.4 MB."""
    if value is None:
        return NOTHING
    amount = float(value)
    for unit in ("B", "KB", "MB"):
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} GB"
