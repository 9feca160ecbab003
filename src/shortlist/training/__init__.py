"""From a dataset to a fitted pipeline."""
