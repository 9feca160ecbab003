"""A System file and its home folder: what every verb starts from."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from shortlist.base.errors import DeclarationError, NotFoundError, ShortlistError
from shortlist.base.settings import home_folder
from shortlist.base.suggest import did_you_mean
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases
from shortlist.storage.store import EventStore
from shortlist.system.system import System


@dataclass(frozen=True)
class Project:
    """A declared system, the folder its tables are relative to, and where its state lives."""

    system: System
    root: Path
    home: Home

    @property
    def releases(self) -> Releases:
        """The home's releases."""
        return Releases(self.home)

    def store(self) -> AbstractContextManager[EventStore]:
        """The home's event store, closed afterwards."""
        return opened(self.home)


@contextmanager
def opened(home: Home) -> Iterator[EventStore]:
    """The event store of ``home``, closed afterwards."""
    store = open_store(home)
    try:
        yield store
    finally:
        store.close()


def open_project(file: Path, home: Path | None = None) -> Project:
    """Run the System file and open its home (None: the default one). Raises NotFoundError, DeclarationError."""
    if file.is_dir() or not file.exists():
        near = [each.name for each in (file.parent if file.parent.is_dir() else Path()).glob("*.py")]
        raise NotFoundError(f"no System file {str(file)!r}: {did_you_mean(file.name, near)}")
    try:
        names = runpy.run_path(str(file))
    except ShortlistError:
        raise
    except Exception as error:
        raise DeclarationError(f"{file} cannot be run: {type(error).__name__}: {error}") from error
    systems = [value for value in names.values() if isinstance(value, System)]
    if len(systems) != 1:
        count = f"{len(systems)} Systems" if systems else "no System"
        raise DeclarationError(
            f"{file} declares {count}: it needs exactly one, as in `system = System(name=...)`"
        )
    return project_of(systems[0], file.resolve().parent, home)


def project_of(system: System, root: Path | None = None, home: Path | None = None) -> Project:
    """A declared System with its home (None: the default one); ``root`` is the folder of its tables (None: the
    working folder).
    """
    folder = Path.cwd() if root is None else root
    system = replace(system, features=[each.resolved(folder) for each in system.features])
    return Project(system, folder, Home.open(home or home_folder(system.name)))


def open_home(named: str | None) -> Home:
    """The home of a System file or name; without a name, the only one there is.

    Raises NotFoundError where that is ambiguous or nothing is there.
    """
    if named and named.endswith(".py"):
        return open_project(Path(named)).home
    known = sorted(path.parent.name for path in Path(".shortlist").glob("*/home.json"))
    if named is None:
        path = home_folder("")
        if (path / "home.json").exists():  # SHORTLIST_HOME
            return Home.open(path)
        if len(known) != 1:
            choices = (
                f"several ({', '.join(known)}): name one with --system"
                if known
                else "none here: run `shortlist up FILE`"
            )
            raise NotFoundError(f"which system? There are {choices}")
        named = known[0]
    path = home_folder(named)
    if not (path / "home.json").exists():
        raise NotFoundError(f"no system {named!r} here: {did_you_mean(named, known)}")
    return Home.open(path)
