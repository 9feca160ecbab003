"""Processes killed again and again: ``python -m benchmarks.crash``."""
