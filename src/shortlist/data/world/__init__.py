"""A synthetic world of any size with its ground truth."""
