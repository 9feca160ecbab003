"""The small system of `tests.films`."""

from tests.films import home, new_release, publish  # noqa: F401
