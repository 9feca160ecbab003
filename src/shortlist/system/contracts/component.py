"""What all components have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Component(ABC):  # noqa: B024
    """A declared component: hyperparameters and a name."""

    name: str = field(default="", metadata={"doc": "what slates, metrics and reports call it"})

    def __post_init__(self) -> None:
        if not self.name:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()
            object.__setattr__(self, "name", words)


class Fitted(ABC):
    """A fitted component that lives in a folder: arrays as ``.npy``, library-native files, JSON; no pickle."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that ``load`` needs into ``folder``, which exists and is empty."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Arrays may stay mapped to the files."""
