"""Encoders: pictures to vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from shortlist.base.types import Floats, Picture
from shortlist.system.contracts.component import Component, Fitted


class FittedEncoder(Fitted):
    """Turns pictures into vectors, without the library that trained it."""

    embedding_size: int
    fingerprint: str  # of everything that changes a vector: weights, preparation, head

    @abstractmethod
    def encode(self, pictures: Sequence[Picture]) -> Floats:
        """Vectors of length 1, float32[pictures, embedding_size]. A vector does not depend on its neighbours."""


@dataclass(frozen=True, kw_only=True)
class Encoder(Component):
    """Declares what turns pictures into vectors."""

    @abstractmethod
    def fit(self) -> FittedEncoder:
        """The pretrained encoder, ready to answer. Raises MissingExtraError or DataError with what to do."""
