"""Features: one definition, computed by one code path in training and in serving.

A feature sees a query's history as it was at the moment of the query, so the value that a model trains on
is the value that it is served with.
"""
