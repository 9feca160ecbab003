"""What the fits of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field

from shortlist.base.progress import Progress
from shortlist.system.contracts import TrainingOptions
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
    started: int = 0  # how many of them have begun
    seconds: dict[str, float] = field(
        default_factory=dict
    )  # training time of each component, of its last fit

    @property
    def progress(self) -> Progress:
        """Where steps are shown."""
        return self.options.progress

    def next_fit(self, purpose: str) -> str:
        """What progress says of the fit that begins: which it is, and what it is for."""
        self.started += 1
        return f"({self.started} of {max(self.fits, self.started)}: {purpose})"
