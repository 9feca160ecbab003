"""Releases as folders: numbered, immutable, checksummed, appearing whole or not at all. Knows no models."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shortlist.base.errors import NotFoundError, ReleaseError
from shortlist.base.files import checksum, new_folder, read_json, write_bytes, write_json
from shortlist.base.platform import fcntl
from shortlist.storage.disk_errors import disk_errors
from shortlist.storage.home import Home

FORMAT = 1  # of the manifest; raised when it changes
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ReleaseFacts:
    """The manifest of a release."""

    number: int
    created: str  # ISO 8601, UTC
    facts: Mapping[str, Any]  # as given to `Releases.add`
    files: int
    bytes: int
    problem: str = ""  # why it cannot be used; the other fields are then empty


class Releases:
    """The releases of one home."""

    def __init__(self, home: Home) -> None:
        self._folder = home.releases
        self._current = home.current

    def add(self, write: Callable[[Path], None], facts: Mapping[str, Any]) -> int:
        """A new release of the files that ``write`` puts into the folder it is given; its number.

        ``facts`` must be JSON. The folder appears complete or not at all; adding in several processes at
        once is safe: one waits for the other. StoreError where the disk refuses.
        """
        with disk_errors(f"a release in {self._folder}"), self._only_adder():
            number = max(self._numbers(), default=0) + 1
            with new_folder(self._path(number)) as folder:
                write(folder)
                write_json(folder / MANIFEST, _sealed(_manifest(folder, number, facts)))
        return number

    def list(self) -> Sequence[ReleaseFacts]:
        """Every release, oldest first; one whose manifest is damaged carries its ``problem``."""
        return [self._facts(number) for number in self._numbers()]

    def facts(self, number: int) -> ReleaseFacts:
        """The manifest of release ``number``. NotFoundError, ReleaseError."""
        manifest = self._read(number)
        files = manifest["files"]
        size = sum(entry["bytes"] for entry in files.values())
        return ReleaseFacts(number, manifest["created"], manifest["facts"], len(files), size)

    def open(self, number: int, *, verify: bool = True) -> Path:
        """The folder of release ``number``, after comparing every file with its checksum.

        Raises NotFoundError where there is none, ReleaseError where it is damaged, foreign or of a newer
        format; the message names the file.
        """
        manifest = self._read(number)
        folder = self._path(number)
        for name, entry in manifest["files"].items() if verify else ():
            file = folder / name
            if not file.is_file():
                raise ReleaseError(f"release {number} is damaged: {name} is missing from {folder}")
            if file.stat().st_size != entry["bytes"] or checksum(file) != entry["sha256"]:
                raise ReleaseError(f"release {number} is damaged: {name} in {folder} is not what was written")
        return folder

    def publish(self, number: int) -> None:
        """Make ``number`` the release that serves, once its files are verified. Raises as ``open`` does."""
        self.open(number)
        write_bytes(self._current, f"{number}\n".encode())

    def current(self) -> int | None:
        """The release that serves; None before the first publish."""
        try:
            text = self._current.read_text()
        except FileNotFoundError:
            return None
        if not text.strip().isdecimal():
            raise ReleaseError(
                f"{self._current} should hold a release's number and holds {text[:40]!r}: publish again"
            )
        return int(text)

    def watermark(self) -> int:
        """The lowest watermark of the releases that can serve: no server reads events below it from a store.

        0 where there is none, or one without a watermark.
        """
        usable = [each for each in self.list() if not each.problem]
        return min((int(each.facts.get("watermark", 0)) for each in usable), default=0)

    def prune(self, keep: int) -> Sequence[int]:
        """Remove all but the newest ``keep`` releases and the one that serves; which were removed."""
        with self._only_adder():
            current = self.current()
            old = [number for number in self._numbers()[: -keep or None] if number != current]
            for number in old:
                hidden = self._folder / f".{number:04d}"
                self._path(number).rename(hidden)  # whole or not at all, as it came
                shutil.rmtree(hidden)
        return old

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04d}"

    def _numbers(self) -> Sequence[int]:
        if not self._folder.is_dir():
            return []
        return sorted(int(entry.name) for entry in self._folder.iterdir() if entry.name.isdecimal())

    def _facts(self, number: int) -> ReleaseFacts:
        try:
            return self.facts(number)
        except ReleaseError as error:
            return ReleaseFacts(number, "", {}, 0, 0, problem=str(error))

    @contextmanager
    def _only_adder(self) -> Iterator[None]:
        """Hold the lock of adders; every unfinished folder is then one that a crash left behind."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for entry in self._folder.iterdir():
                if entry.is_dir() and entry.name.startswith("."):
                    shutil.rmtree(entry)
            yield

    def _read(self, number: int) -> dict[str, Any]:
        path = self._path(number) / MANIFEST
        if not self._path(number).is_dir():
            known = ", ".join(map(str, self._numbers())) or "none yet"
            raise NotFoundError(f"no release {number}; releases here: {known}")
        try:
            manifest = read_json(path)
            newer = manifest["format"] > FORMAT
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ReleaseError(f"release {number} is damaged: {path} cannot be read ({error})") from error
        if newer:
            raise ReleaseError(
                f"release {number} has format {manifest['format']}, and this Shortlist reads up to {FORMAT}: "
                "upgrade Shortlist"
            )
        if manifest != _sealed(manifest) or manifest["number"] != number:
            raise ReleaseError(f"release {number} is damaged or foreign: {path} is not what was written")
        return dict(manifest)


def _manifest(folder: Path, number: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        "format": FORMAT,
        "number": number,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "facts": dict(facts),
        "files": {
            str(file.relative_to(folder)): {"bytes": file.stat().st_size, "sha256": checksum(file)}
            for file in files
        },
    }


def _sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with a checksum of its own."""
    content = {name: value for name, value in manifest.items() if name != "sha256"}
    text = json.dumps(content, sort_keys=True)
    return {**content, "sha256": hashlib.sha256(text.encode()).hexdigest()}
