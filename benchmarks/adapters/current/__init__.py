"""Adapters for the tree that these benchmarks belong to."""
