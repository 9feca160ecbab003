"""Shared words: errors, columns, ragged histories, queries and candidates. Imports nothing above it."""
