"""Readers of events by key: as of past moments (timeline), now (live), and of a query's own history."""
