"""The small system of `tests.films`."""

from tests.films import home_fixture, new_release_fixture, publish_fixture  # noqa: F401
