"""What is true in a synthetic world, and can be known of no real one."""

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
from shortlist.data.world.parameters import WorldKnobs

FAVOURITES = np.array([0.6, 0.3, 0.1], np.float32)  # how much a user cares for the first, second, third
SPREAD = 0.7  # how far an item lies from its cluster's centre, which is 1 from the origin
PERSONAL = 0.3  # how far a user's taste lies from the mean of the favourite clusters
SHARPNESS, RESERVE = 6.0, 1.5  # affinity = sigmoid(SHARPNESS * (taste . item) - RESERVE)

Numbers = npt.ArrayLike  # of users or items: their user_id and item_id in the tables


@dataclass(frozen=True)
class Truth:
    """Users and items as they are. Arrays are indexed by ``user_id`` and ``item_id``."""

    knobs: WorldKnobs
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
    def draw(cls, knobs: WorldKnobs) -> Truth:
        """Make up a world. The same knobs give the same world."""
        rng = np.random.default_rng([knobs.seed, 0])
        items, users, dimensions = knobs.items, knobs.users, knobs.dimensions
        centres = _scattered(rng, knobs.clusters, dimensions)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        cluster = rng.permutation(np.arange(items) % knobs.clusters).astype(np.int16)
        vectors = centres[cluster] + np.float32(SPREAD) * _scattered(rng, items, dimensions)
        rank = (rng.permutation(items) + 1).astype(np.int32)
        phase = rng.random(items, np.float32) * np.float32(2 * np.pi)
        opening = rng.integers(knobs.begin - 365 * DAY, knobs.begin - DAY, size=items)
        later = rng.integers(knobs.begin, knobs.end, size=items)
        arrived = np.where(rng.random(items, np.float32) < knobs.new_items, later, opening)
        noise = np.float32(0.3) * rng.standard_normal(items, np.float32)
        price = np.exp(3 + vectors[:, 0] + noise).round(2)
        mass = np.bincount(cluster, rank ** -float(knobs.zipf), knobs.clusters)
        shape = (users, 2, len(FAVOURITES))
        favourites = rng.choice(knobs.clusters, shape, p=mass / mass.sum()).astype(np.int16)
        tastes = np.float32(PERSONAL) * _scattered(rng, users, 2, dimensions)
        for place, weight in enumerate(FAVOURITES):
            tastes += weight * centres[favourites[:, :, place]]
        return cls(knobs, centres, cluster, vectors, rank, phase, arrived, price, favourites, tastes)

    def save(self, folder: Path) -> None:
        """Write ``folder`` (new): ``knobs.json`` and one ``.npy`` per array."""
        arrays = {name: value for name, value in vars(self).items() if name != "knobs"}
        save_arrays(folder, **arrays)
        write_json(folder / "knobs.json", asdict(self.knobs) | {"start": self.knobs.start.isoformat()})

    @classmethod
    def load(cls, world: Path) -> Truth:
        """The truth of the world written at ``world``; its arrays stay mapped to the files."""
        folder = world / "truth"
        if not (folder / "knobs.json").exists():
            raise DataError(f"{world} holds no synthetic world: World(...).write({str(world)!r}) makes one")
        knobs = read_json(folder / "knobs.json")
        knobs = WorldKnobs(**knobs | {"start": date.fromisoformat(knobs["start"])})
        names = [name for name in cls.__dataclass_fields__ if name != "knobs"]
        return cls(knobs, **{name: load_array(folder, name) for name in names})

    def affinity(self, users: Numbers, items: Numbers, at: int | Moments | None = None) -> Floats:
        """How likely each user is to view each item once looked at, 0 to 1, at a moment (default: the end).

        The arguments broadcast: ``affinity(user, np.arange(n))`` is one user and n items, and
        ``affinity(users[:, None], items)`` a matrix.
        """
        return liking(self.taste(users, at), self.vectors[np.asarray(items)])

    def taste(self, users: Numbers, at: int | Moments | None = None) -> Floats:
        """Each user's taste at a moment (default: the end of the log), float32[..., dimensions]."""
        tastes = self.tastes[np.asarray(users)]
        changed = np.asarray(self.changed(at))[..., None].astype(np.float32)
        mixed: Floats = (1 - changed) * tastes[..., 0, :] + changed * tastes[..., 1, :]
        return mixed

    def changed(self, at: int | Moments | None = None) -> npt.NDArray[np.float64]:
        """Which part of tastes has changed by a moment (default: the end of the log), 0 to 1."""
        knobs = self.knobs
        passed = (np.asarray(knobs.end if at is None else at) - knobs.begin) / (knobs.end - knobs.begin)
        return knobs.taste_drift * passed.clip(0, 1)

    def popularity(self, at: int | None = None) -> Floats:
        """What draws people to each item at a moment (default: the end), float32[items].

        Zipf's law, swinging once during the log, and 0 before an item's arrival. Only proportions within
        a cluster matter.
        """
        knobs = self.knobs
        at = knobs.end if at is None else at
        season = np.float32(2 * np.pi * (at - knobs.begin) / (knobs.end - knobs.begin))
        swing = np.exp(np.float32(knobs.popularity_drift) * np.sin(self.phase + season))
        drawn: Floats = self.rank.astype(np.float32) ** np.float32(-knobs.zipf) * swing * (self.arrived < at)
        return drawn

    def chance(self, users: Numbers, items: Numbers, at: int | None = None) -> Floats:
        """In proportion to the views that each user will give to each item, where all positions were alike.

        That is how likely a visit goes to the item's cluster, times the item's share of popularity there,
        times the user's affinity: the score of a perfect recommender that knows who looks for what.
        """
        users, items = np.asarray(users), np.asarray(items)
        drawn = self.popularity(at).astype(np.float64)
        mass = np.bincount(self.cluster, drawn, self.knobs.clusters)
        cluster = self.cluster[items]
        changed = float(self.changed(at))
        wanted = sum(
            part * weight * (self.favourites[users, after, place] == cluster)
            for after, part in enumerate((1 - changed, changed))
            for place, weight in enumerate(FAVOURITES)
        )
        visits = self.knobs.exploration * mass[cluster] / mass.sum() + (1 - self.knobs.exploration) * wanted
        share = drawn[items] / np.maximum(mass[cluster], np.finfo(np.float64).tiny)
        found: Floats = (visits * share * self.affinity(users, items, at)).astype(np.float32)
        return found

    def looked_at(self) -> Floats:
        """How likely each position of a slate is looked at, float32[slate]."""
        positions = np.arange(1, self.knobs.slate + 1, dtype=np.float32)
        return positions ** np.float32(-self.knobs.position_bias)


def liking(tastes: Floats, vectors: Floats) -> Floats:
    """The affinity of tastes for items, float32[...]; both float32[..., dimensions], broadcast."""
    closeness = np.einsum("...d,...d->...", tastes, vectors)
    found: Floats = 1 / (1 + np.exp(np.float32(RESERVE) - np.float32(SHARPNESS) * closeness))
    return found


def _scattered(rng: np.random.Generator, *shape: int) -> Floats:
    """Random vectors of length about 1."""
    return rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(shape[-1]))
