"""Declarations: what a user writes. No I/O, no model library."""
