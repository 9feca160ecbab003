"""One script per claim, all in the one form of ``benchmarks.form``: ``python -m benchmarks.NAME``."""
