"""Visits to a synthetic world, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from shortlist.base.columns import DAY, MINUTE, SECOND
from shortlist.base.types import AnyArray, Moments, Rows
from shortlist.data.world.truth import FAVOURITES, Truth, liking

BLOCK = 1 << 18  # visits drawn at a time: the bound of memory; other values give other events
BUSIEST = 100.0  # the busiest user visits so many times as often as the idlest; between them Zipf's law
GLANCE = 15 * SECOND  # from one position to the next
HESITATION = 10 * MINUTE  # mean time from a view to its purchase
TINY = np.finfo(np.float64).tiny


class Visits:
    """Draws visits of a world, day by day.

    Items stand on shelves, one per cluster, the most popular first. Everything about items is kept in that
    order and visits are drawn shelf by shelf, so that searching and gathering stay in the processor's cache.
    """

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.number = np.lexsort((truth.rank, truth.cluster)).astype(np.int32)  # the item_id at each place
        self.sizes = np.bincount(truth.cluster)  # of the shelves
        self.vectors = truth.vectors[self.number]
        rng = np.random.default_rng([truth.knobs.seed, 1])
        self.people = rng.permutation(truth.knobs.users).astype(np.int32)  # user_ids, the busiest first

    def of_day(self, day: int, visits: int) -> Iterator[tuple[int, pl.DataFrame, pl.DataFrame]]:
        """What comes of ``visits`` visits on a day (0 is the first): a block's end, its views and purchases.

        Events of a block may fall behind its end: they belong among the next block's.
        """
        begin = self.truth.knobs.begin + day * DAY
        self._stock(begin)
        blocks = -(-visits // BLOCK)
        for block in range(blocks):
            rng = np.random.default_rng([self.truth.knobs.seed, 2, day, block])
            count = visits * (block + 1) // blocks - visits * block // blocks
            start, end = (begin + DAY * edge // blocks for edge in (block, block + 1))
            yield end, *self._draw(rng, rng.integers(start, end, count))

    def _stock(self, at: int) -> None:
        """Fill the shelves with what is there at a moment.

        ``reach[place]`` is the shelf's number plus the part of the shelf's popularity up to that place:
        searching it for shelf + u, u uniform, finds items in proportion to their popularity.
        """
        total = np.zeros(len(self.number) + 1)
        np.cumsum(self.truth.popularity(at)[self.number], out=total[1:])
        ends = np.cumsum(self.sizes)
        before = total[ends - self.sizes]
        self.mass = total[ends] - before
        share = (total[1:] - np.repeat(before, self.sizes)) / np.repeat(self.mass + TINY, self.sizes)
        self.reach = share + np.repeat(np.arange(len(self.sizes)), self.sizes)

    def _draw(self, rng: np.random.Generator, at: Moments) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The views and purchases of visits at the moments ``at``."""
        busyness = (BUSIEST ** rng.random(len(at)) - 1) / (BUSIEST - 1)
        user = self.people[(len(self.people) * busyness).astype(np.int64)]
        shelf = self._shelf(rng, user, at)
        order = np.argsort(shelf, kind="stable")
        order = order[self.mass[shelf[order]] > 0]  # an empty shelf shows nothing
        user, at, shelf = user[order], at[order], shelf[order]
        visit, position, place = self._look(rng, shelf)
        affinity = liking(self.truth.taste(user, at)[visit], self.vectors[place])
        liked = np.flatnonzero(rng.random(len(visit), np.float32) < affinity)
        visit = visit[liked]
        views = pl.DataFrame(
            {
                "user_id": user[visit],
                "item_id": self.number[place[liked]],
                "at": at[visit] + GLANCE * (position[liked].astype(np.int64) + 1),
                "position": position[liked],
            }
        )
        bought = rng.random(len(liked), np.float32) < self.truth.knobs.purchase_rate * affinity[liked]
        purchases = views.filter(pl.Series(bought)).drop("position")
        hesitated = (rng.standard_exponential(len(purchases)) * HESITATION).astype(np.int64)
        price = self.truth.price[purchases["item_id"].to_numpy()]
        return views, purchases.with_columns(pl.col("at") + GLANCE + hesitated, pl.Series("price", price))

    def _shelf(self, rng: np.random.Generator, user: AnyArray, at: Moments) -> AnyArray:
        """Where each visit goes: to a favourite of before or after the change of taste, or with the crowd."""
        after = (rng.random(len(at)) < self.truth.changed(at)).astype(np.int8)
        place = _choose(rng, FAVOURITES, len(at))
        favourite = self.truth.favourites[user, after, place]
        explores = rng.random(len(at)) < self.truth.knobs.exploration
        return np.where(explores, _choose(rng, self.mass, len(at)), favourite).astype(np.int16)

    def _look(self, rng: np.random.Generator, shelf: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
        """What visits to shelves look at: the number of the visit, the position and the place of the item.

        A slate is drawn with replacement by popularity, sorted by it, and shown without repeats. (Running
        sums of exponentials over their total are sorted uniforms.)
        """
        sums = np.cumsum(rng.standard_exponential((len(shelf), self.truth.knobs.slate + 1)), axis=1)
        height = sums[:, :-1] / sums[:, -1:] * (1 - 1e-9)
        shown = np.searchsorted(self.reach, shelf[:, None] + height, side="right")
        new = np.ones(shown.shape, np.bool_)
        new[:, 1:] = shown[:, 1:] != shown[:, :-1]
        position = np.cumsum(new, axis=1, dtype=np.int16) - 1
        looked = new & (rng.random(shown.shape, np.float32) < self.truth.looked_at()[position])
        return np.nonzero(looked)[0], position[looked], shown[looked]


def _choose(rng: np.random.Generator, weights: AnyArray, count: int) -> Rows:
    """Draw ``count`` of the weights' positions in proportion to them."""
    reach = np.cumsum(weights, dtype=np.float64)
    drawn = np.searchsorted(reach, rng.random(count) * reach[-1], side="right")
    found: Rows = np.minimum(drawn, len(weights) - 1)  # past the last where all weights are 0
    return found
