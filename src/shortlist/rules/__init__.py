"""Rules: filters decide what may be returned at all, orders make the slate."""
