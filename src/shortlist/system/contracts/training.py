"""What components are fitted on, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.progress import SILENT, Progress
from shortlist.base.users import NO_USERS, Users
from shortlist.system.event import Label, Match, Objective


@dataclass(frozen=True)
class TrainingData:
    """What a component may learn from: everything that was known up to some moment.

    A source reads what it needs; only ``histories`` and ``items`` are always there (either may be empty).
    """

    histories: Histories  # one row per user
    items: Items  # the catalogue, with attributes
    users: Users = NO_USERS  # the rows of ``histories`` in order, then users without events; empty: not known
    objectives: Sequence[Objective | Match | Label] = ()  # each with its weight
    contexts: Contexts = NO_CONTEXTS  # vocabularies of ``histories.context``
    validation: Histories | None = (
        None  # what the same rows did next, for early stopping; None: nothing held out
    )

    def with_histories(self, histories: Histories, validation: Histories | None = None) -> TrainingData:
        """The same catalogue and users with other events."""
        return replace(self, histories=histories, validation=validation)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to fit: what belongs to this run and this machine, not to the model."""

    seed: int = 0
    device: str = "auto"  # "auto", "cpu", "cuda", "mps"
    threads: int | None = None  # None: as many as the machine has
    progress: Progress = field(default=SILENT, compare=False)
    checkpoints: Path | None = field(default=None, compare=False)  # folder to resume from; None: keep none
    time_budget: float | None = (
        None  # seconds after which training stops with the best so far; None: no limit
    )
