"""Adapters for trees up to commit bdf99c6: sources fitted on histories and items, one package ``serving``."""
