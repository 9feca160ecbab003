"""Visits to a synthetic world, and the events that follow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from shortlist.base.columns import DAY, MINUTE, SECOND
from shortlist.base.types import AnyArray, Moments, Rows
from shortlist.data.world.truth import FAVOURITE_WEIGHTS, Truth, affinity_of

VISIT_BLOCK = 1 << 18  # visits drawn at a time, which bounds memory; other values give other events
ACTIVITY_RATIO = 100.0  # of the busiest user to the idlest; between them Zipf's law
EXAMINATION_TIME = 15 * SECOND  # from one position to the next
PURCHASE_DELAY = 10 * MINUTE  # mean time from a view to its purchase
EPSILON = np.finfo(np.float64).tiny


class Visits:
    """Draws visits of a world, day by day.

    Items are ordered by cluster, then by popularity, and visits are drawn cluster by cluster, so that searching and
    gathering stay in the processor's cache.
    """

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.number = np.lexsort((truth.rank, truth.cluster)).astype(np.int32)  # the item_id at each place
        self.sizes = np.bincount(truth.cluster)  # of the clusters
        self.vectors = truth.vectors[self.number]
        rng = np.random.default_rng([truth.parameters.seed, 1])
        self.by_activity = rng.permutation(truth.parameters.users).astype(np.int32)  # user_ids, busiest first

    def of_day(self, day: int, visits: int) -> Iterator[tuple[int, pl.DataFrame, pl.DataFrame]]:
        """What comes of ``visits`` visits on a day (0 is the first): a block's end, its views and purchases.

        Events of a block may fall behind its end: they belong among the next block's.
        """
        begin = self.truth.parameters.begin + day * DAY
        self._reweight(begin)
        blocks = -(-visits // VISIT_BLOCK)
        for block in range(blocks):
            rng = np.random.default_rng([self.truth.parameters.seed, 2, day, block])
            count = visits * (block + 1) // blocks - visits * block // blocks
            start, end = (begin + DAY * edge // blocks for edge in (block, block + 1))
            yield end, *self._draw(rng, rng.integers(start, end, count))

    def _reweight(self, at: int) -> None:
        """Take each cluster's popularities at a moment.

        ``reach[place]`` is the cluster plus the part of its popularity up to that place:
        searching it for cluster + u, u uniform, finds items in proportion to their popularity.
        """
        total = np.zeros(len(self.number) + 1)
        np.cumsum(self.truth.popularity(at)[self.number], out=total[1:])
        ends = np.cumsum(self.sizes)
        before = total[ends - self.sizes]
        self.mass = total[ends] - before
        share = (total[1:] - np.repeat(before, self.sizes)) / np.repeat(self.mass + EPSILON, self.sizes)
        self.reach = share + np.repeat(np.arange(len(self.sizes)), self.sizes)

    def _draw(self, rng: np.random.Generator, at: Moments) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The views and purchases of visits at the moments ``at``."""
        activity = (ACTIVITY_RATIO ** rng.random(len(at)) - 1) / (ACTIVITY_RATIO - 1)
        user = self.by_activity[(len(self.by_activity) * activity).astype(np.int64)]
        cluster = self._cluster(rng, user, at)
        order = np.argsort(cluster, kind="stable")
        order = order[self.mass[cluster[order]] > 0]  # a cluster without items shows nothing
        user, at, cluster = user[order], at[order], cluster[order]
        visit, position, place = self._examine(rng, cluster)
        affinity = affinity_of(self.truth.taste(user, at)[visit], self.vectors[place])
        viewed = np.flatnonzero(rng.random(len(visit), np.float32) < affinity)
        visit = visit[viewed]
        views = pl.DataFrame(
            {
                "user_id": user[visit],
                "item_id": self.number[place[viewed]],
                "at": at[visit] + EXAMINATION_TIME * (position[viewed].astype(np.int64) + 1),
                "position": position[viewed],
            }
        )
        purchased = (
            rng.random(len(viewed), np.float32) < self.truth.parameters.purchase_rate * affinity[viewed]
        )
        purchases = views.filter(pl.Series(purchased)).drop("position")
        delay = (rng.standard_exponential(len(purchases)) * PURCHASE_DELAY).astype(np.int64)
        price = self.truth.price[purchases["item_id"].to_numpy()]
        return views, purchases.with_columns(
            pl.col("at") + EXAMINATION_TIME + delay, pl.Series("price", price)
        )

    def _cluster(self, rng: np.random.Generator, user: AnyArray, at: Moments) -> AnyArray:
        """The cluster of each visit: a favourite of before or after the change of taste, or one by popularity."""
        after = (rng.random(len(at)) < self.truth.taste_change(at)).astype(np.int8)
        place = _choose(rng, FAVOURITE_WEIGHTS, len(at))
        favourite = self.truth.favourites[user, after, place]
        explores = rng.random(len(at)) < self.truth.parameters.exploration
        return np.where(explores, _choose(rng, self.mass, len(at)), favourite).astype(np.int16)

    def _examine(self, rng: np.random.Generator, cluster: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
        """What is examined in visits to clusters: the index of the visit, the position and the place of the item.

        A slate is drawn with replacement by popularity, sorted by it, and shown without repeats. (Running
        sums of exponentials over their total are sorted uniforms.)
        """
        sums = np.cumsum(rng.standard_exponential((len(cluster), self.truth.parameters.slate + 1)), axis=1)
        height = sums[:, :-1] / sums[:, -1:] * (1 - 1e-9)
        shown = np.searchsorted(self.reach, cluster[:, None] + height, side="right")
        new = np.ones(shown.shape, np.bool_)
        new[:, 1:] = shown[:, 1:] != shown[:, :-1]
        position = np.cumsum(new, axis=1, dtype=np.int16) - 1
        examined = new & (rng.random(shown.shape, np.float32) < self.truth.examination()[position])
        return np.nonzero(examined)[0], position[examined], shown[examined]


def _choose(rng: np.random.Generator, weights: AnyArray, count: int) -> Rows:
    """Draw ``count`` of the weights' positions in proportion to them."""
    reach = np.cumsum(weights, dtype=np.float64)
    drawn = np.searchsorted(reach, rng.random(count) * reach[-1], side="right")
    chosen: Rows = np.minimum(drawn, len(weights) - 1)  # past the last where all weights are 0
    return chosen
