"""Feast as the peer of `benchmarks.features` and `benchmarks.hydrate`."""
