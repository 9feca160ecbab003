"""The event log: daily Parquet files, retention, and items added through servers."""
