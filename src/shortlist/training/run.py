"""What the fits of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field

from shortlist.base.progress import Progress
from shortlist.system.contracts import TrainingData, TrainingOptions
from shortlist.training.fitted_cache import FittedCache


@dataclass
class TrainingRun:
    """One evaluation, or a training with its evaluation.

    ``fits`` is how many different sets of data sources will be fitted on, for progress: the examples for the
    rankers, the evaluation and, where one follows, the release.
    """

    options: TrainingOptions = field(default_factory=TrainingOptions)
    cache: FittedCache = field(default_factory=FittedCache)
    fits: int = 2
    events: int = 0  # of the largest log that this run has seen: the whole one, of which splits are parts
    started: int = 0  # how many of them have begun
    seconds: dict[str, float] = field(
        default_factory=dict
    )  # training time of each component, of its last fit

    @property
    def progress(self) -> Progress:
        """Where steps are shown."""
        return self.options.progress

    def next_fit(self, data: TrainingData, purpose: str) -> str:
        """The fit that begins, for progress: on which part of the log, which of the fits it is, and what for."""
        self.started += 1
        events = len(data.histories.items)
        part = f"the older {events / self.events:.0%} of the log" if events < self.events else "the whole log"
        amount = part if events else f"{len(data.items):,} items"
        return f"on {amount} ({self.started} of {max(self.fits, self.started)}: {purpose})"
