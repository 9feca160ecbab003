"""The home folder of a system: event store (SQLite or Redis), releases, leases of training runs."""
