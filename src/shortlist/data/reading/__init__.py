"""Tables of every kind (CSV, JSON Lines, Parquet, DataFrames, SQL) as batches of parsed, validated rows."""
