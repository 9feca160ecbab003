"""The ground truth of a synthetic world."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shortlist.base.columns import DAY
from shortlist.base.errors import DataError
from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.types import AnyArray, Floats, Moments, Positions
from shortlist.data.world.parameters import WorldParameters

FAVOURITE_WEIGHTS = np.array([0.6, 0.3, 0.1], np.float32)  # in a taste: of the first, second, third favourite
ITEM_SPREAD = 0.7  # how far an item lies from its cluster's centre, which is 1 from the origin
TASTE_SPREAD = 0.3  # how far a user's taste lies from the mean of the favourite clusters
SHARPNESS, RESERVE = 6.0, 1.5  # affinity = sigmoid(SHARPNESS * (taste . item) - RESERVE)

Numbers = npt.ArrayLike  # of users or items: their user_id and item_id in the tables


@dataclass(frozen=True)
class Truth:
    """The latent state of users and items. Arrays are indexed by ``user_id`` and ``item_id``."""

    parameters: WorldParameters
    centres: Floats  # float32[clusters, dimensions]
    cluster: AnyArray  # int16[items]
    vectors: Floats  # float32[items, dimensions]
    rank: Positions  # int32[items], 1 is the most popular but for drift
    phase: Floats  # float32[items], when in its swing of popularity an item is, radians
    arrived: Moments  # int64[items]
    price: Floats  # float32[items]
    favourites: AnyArray  # int16[users, 2, 3], favourite clusters before and after the change of taste
    tastes: Floats  # float32[users, 2, dimensions], the same as vectors

    @classmethod
    def draw(cls, parameters: WorldParameters) -> Truth:
        """Draw a world. The same parameters give the same world."""
        rng = np.random.default_rng([parameters.seed, 0])
        items, users, dimensions = parameters.items, parameters.users, parameters.dimensions
        centres = _scattered(rng, parameters.clusters, dimensions)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        cluster = rng.permutation(np.arange(items) % parameters.clusters).astype(np.int16)
        vectors = centres[cluster] + np.float32(ITEM_SPREAD) * _scattered(rng, items, dimensions)
        rank = (rng.permutation(items) + 1).astype(np.int32)
        phase = rng.random(items, np.float32) * np.float32(2 * np.pi)
        opening = rng.integers(parameters.begin - 365 * DAY, parameters.begin - DAY, size=items)
        later = rng.integers(parameters.begin, parameters.end, size=items)
        arrived = np.where(rng.random(items, np.float32) < parameters.new_items, later, opening)
        noise = np.float32(0.3) * rng.standard_normal(items, np.float32)
        price = np.exp(3 + vectors[:, 0] + noise).round(2)
        mass = np.bincount(cluster, rank ** -float(parameters.zipf), parameters.clusters)
        shape = (users, 2, len(FAVOURITE_WEIGHTS))
        favourites = rng.choice(parameters.clusters, shape, p=mass / mass.sum()).astype(np.int16)
        tastes = np.float32(TASTE_SPREAD) * _scattered(rng, users, 2, dimensions)
        for place, weight in enumerate(FAVOURITE_WEIGHTS):
            tastes += weight * centres[favourites[:, :, place]]
        return cls(parameters, centres, cluster, vectors, rank, phase, arrived, price, favourites, tastes)

    def save(self, folder: Path) -> None:
        """Write ``folder`` (new): ``parameters.json`` and one ``.npy`` per array."""
        arrays = {name: value for name, value in vars(self).items() if name != "parameters"}
        save_arrays(folder, **arrays)
        write_json(
            folder / "parameters.json", asdict(self.parameters) | {"start": self.parameters.start.isoformat()}
        )

    @classmethod
    def load(cls, world: Path) -> Truth:
        """The truth of the world written at ``world``; its arrays stay mapped to the files."""
        folder = world / "truth"
        if not (folder / "parameters.json").exists():
            raise DataError(f"{world} holds no synthetic world: World(...).write({str(world)!r}) makes one")
        parameters = read_json(folder / "parameters.json")
        parameters = WorldParameters(**parameters | {"start": date.fromisoformat(parameters["start"])})
        names = [name for name in cls.__dataclass_fields__ if name != "parameters"]
        return cls(parameters, **{name: load_array(folder, name) for name in names})

    def affinity(self, users: Numbers, items: Numbers, at: int | Moments | None = None) -> Floats:
        """The probability that a user views an item on examination, 0 to 1, at a moment (default: the end).

        The arguments broadcast: ``affinity(user, np.arange(n))`` is one user and n items, and
        ``affinity(users[:, None], items)`` a matrix.
        """
        return affinity_of(self.taste(users, at), self.vectors[np.asarray(items)])

    def taste(self, users: Numbers, at: int | Moments | None = None) -> Floats:
        """Each user's taste at a moment (default: the end of the log), float32[..., dimensions]."""
        tastes = self.tastes[np.asarray(users)]
        changed = np.asarray(self.taste_change(at))[..., None].astype(np.float32)
        mixed: Floats = (1 - changed) * tastes[..., 0, :] + changed * tastes[..., 1, :]
        return mixed

    def taste_change(self, at: int | Moments | None = None) -> npt.NDArray[np.float64]:
        """The part of tastes that has changed by a moment (default: the end of the log), 0 to 1."""
        parameters = self.parameters
        passed = (np.asarray(parameters.end if at is None else at) - parameters.begin) / (
            parameters.end - parameters.begin
        )
        return parameters.taste_drift * passed.clip(0, 1)

    def popularity(self, at: int | None = None) -> Floats:
        """The popularity of each item at a moment (default: the end), float32[items].

        Zipf's law, swinging once during the log, and 0 before an item's arrival. Only proportions within
        a cluster matter.
        """
        parameters = self.parameters
        at = parameters.end if at is None else at
        season = np.float32(2 * np.pi * (at - parameters.begin) / (parameters.end - parameters.begin))
        swing = np.exp(np.float32(parameters.popularity_drift) * np.sin(self.phase + season))
        drawn: Floats = (
            self.rank.astype(np.float32) ** np.float32(-parameters.zipf) * swing * (self.arrived < at)
        )
        return drawn

    def view_propensity(self, users: Numbers, items: Numbers, at: int | None = None) -> Floats:
        """In proportion to the expected views of each item by each user, position bias aside.

        That is the probability that a visit goes to the item's cluster, times the item's share of popularity
        there, times the user's affinity: the score of a perfect predictor of the log.
        """
        users, items = np.asarray(users), np.asarray(items)
        drawn = self.popularity(at).astype(np.float64)
        mass = np.bincount(self.cluster, drawn, self.parameters.clusters)
        cluster = self.cluster[items]
        changed = float(self.taste_change(at))
        wanted = sum(
            part * weight * (self.favourites[users, after, place] == cluster)
            for after, part in enumerate((1 - changed, changed))
            for place, weight in enumerate(FAVOURITE_WEIGHTS)
        )
        visits = (
            self.parameters.exploration * mass[cluster] / mass.sum()
            + (1 - self.parameters.exploration) * wanted
        )
        share = drawn[items] / np.maximum(mass[cluster], np.finfo(np.float64).tiny)
        propensity: Floats = (visits * share * self.affinity(users, items, at)).astype(np.float32)
        return propensity

    def examination(self) -> Floats:
        """The probability that each position of a slate is examined, float32[slate]."""
        positions = np.arange(1, self.parameters.slate + 1, dtype=np.float32)
        return positions ** np.float32(-self.parameters.position_bias)


def affinity_of(tastes: Floats, vectors: Floats) -> Floats:
    """The affinity of tastes for items, float32[...]; both float32[..., dimensions], broadcast."""
    closeness = np.einsum("...d,...d->...", tastes, vectors)
    affinity: Floats = 1 / (1 + np.exp(np.float32(RESERVE) - np.float32(SHARPNESS) * closeness))
    return affinity


def _scattered(rng: np.random.Generator, *shape: int) -> Floats:
    """Random vectors of length about 1."""
    return rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(shape[-1]))
