"""Optional imports: a missing extra is one clear sentence, not a traceback."""

import importlib
from types import ModuleType

from shortlist.base.errors import MissingExtraError


def require(package: str, *, extra: str, why: str) -> ModuleType:
    """Import ``package``; where it is absent raise MissingExtraError naming the ``extra`` that brings it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name and package.split(".", maxsplit=1)[0] != error.name.split(".")[0]:
            raise  # the package is there and one of its own dependencies is not: that is a different story
        raise MissingExtraError(package.split(".", maxsplit=1)[0], extra, why) from error
