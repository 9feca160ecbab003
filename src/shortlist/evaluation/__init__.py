"""Metrics, confidence intervals, selection, and the report."""
