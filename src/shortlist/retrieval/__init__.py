"""Candidate sources: cheap, wide, high recall. Each file is one source: its knobs, how it learns, how it answers."""
