"""A feature kind: how often a user comes back to the same items."""

from dataclasses import dataclass

from shortlist.components import ItemStatistics, WindowedFeature


@dataclass(frozen=True, eq=False)
class Repeats(WindowedFeature):
    """Events beyond the first with each item (of a user), or with each user (of an item), in a window."""

    @property
    def statistics(self):
        return ItemStatistics.of(windows=self.over) | ItemStatistics.of(distinct=self.over)

    def value(self, read, keys, t, prior):
        events = read(self.event)
        return events.counts(keys, t, self.over) - events.distinct(keys, t, self.over)
