"""The request path, and the release it runs from."""
