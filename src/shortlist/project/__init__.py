"""Verbs: what can be done with a System file. Each is a short function; the work is done in the rooms below."""
