"""Rankers: from a candidate's features to one calibrated probability per objective."""
