"""The column names of the event log and the catalogue, in one place.

Event log: one row per event, sorted by (user, at) only where a reader says so.
Catalogue: one row per item, ``item`` plus the declared attributes under their declared names.
"""

USER = "user"  # str
ITEM = "item"  # str
AT = "at"  # int64, microseconds since the Unix epoch, UTC (or the row's order where a log has no clock)
EVENT = "event"  # str, the declared event's name
VALUE = "value"  # float32, null where the event has none
EVENT_ID = "event_id"  # str, unique; the client's own, or derived from the row
CONTEXT = (
    "context"  # str, JSON of the words that the event carries ({"device": "mobile"}), null where it has none
)
AVAILABLE_AT = (
    "available_at"  # int64, microseconds: when the event could first be known (accepted, or as it happened)
)

EVENTS = (EVENT_ID, EVENT, USER, ITEM, AT, VALUE, CONTEXT)

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
