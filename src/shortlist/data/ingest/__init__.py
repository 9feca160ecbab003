"""Ingest: declared tables into the log, the catalogue and the users; deduplicated, quarantined, reported."""
