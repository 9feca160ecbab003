"""Visual search, in parts: ``python -m benchmarks.visual``."""
