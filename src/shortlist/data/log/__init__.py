"""The event log: daily Parquet files, compaction from the store, retention, erasure."""
