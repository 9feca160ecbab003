"""How good is it: metrics, intervals, selection, and the report a person reads."""
