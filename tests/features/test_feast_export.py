"""A System written as a Feast repository: the real `feast apply`, `feast materialize`, and the same values back."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shortlist import Automatic, Count, Entity, Event, FeastView, Objective, Popular, System
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.features.feast_export import export
from shortlist.features.features import Features
from shortlist.system.contracts import TrainingData
from shortlist.testing.toy import toy_histories, toy_items

views = Event("view", value="stars")
system = System(
    name="toy-shop",
    user=Entity("who"),
    item=Entity("sku"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular()],
    features=[Automatic(), Count(views, by=("item", "hour"))],
)


@pytest.fixture(scope="module")
def histories():
    found = toy_histories()
    return replace(found, users=np.array([f"u{row}" for row in range(len(found))], object))


@pytest.fixture(scope="module")
def features(histories):
    return Features.fit(system, TrainingData(histories, toy_items()))


@pytest.fixture(scope="module")
def written(tmp_path_factory, features, histories):
    folder = tmp_path_factory.mktemp("exported") / "repo"
    return folder, export(system, features, histories, folder)


def test_what_is_written_and_what_is_left_out(written):
    folder, exported = written
    assert {"item_price", "item_view_count", "item_colours_shiny"} <= set(exported.items)
    assert {"user_view_count", "user_view_mean"} <= set(exported.users)
    assert {"item_hour_view_count", "user_brand_view_share"} <= set(exported.left_out)
    assert not {"item_price", "user_view_count", "source_popular"} & set(exported.left_out)
    assert {file.name for file in folder.iterdir()} == {"data", "definitions.py", "feature_store.yaml"}


def test_a_folder_that_holds_something_is_left_alone(written, features, histories):
    folder, _ = written
    before = (folder / "definitions.py").read_text()
    with pytest.raises(DataError, match="not empty: name a new folder"):
        export(system, features, histories, folder)
    assert (folder / "definitions.py").read_text() == before


def test_nothing_to_write(features, histories, tmp_path):
    alone = Features.fit(
        replace(system, features=[Count(views, by=("item", "hour"))]), TrainingData(histories, toy_items())
    )
    with pytest.raises(DataError, match="there is nothing"):
        export(system, alone, histories, tmp_path / "repo")


def run_feast(folder, *words):
    command = Path(sys.executable).with_name("feast")
    environment = {**os.environ, "FEAST_USAGE": "False"}
    done = subprocess.run(
        [command, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def applied(written):
    """The repository after the commands that the command line prints."""
    pytest.importorskip("feast", reason="Feast has an environment of its own: run `make test-feast`")
    folder, exported = written
    day = exported.at.astype("datetime64[D]")
    run_feast(folder, "apply")
    run_feast(folder, "materialize", f"{day}T00:00:00", f"{day + 1}T00:00:00")
    return folder


def test_feast_gives_the_values_that_are_served(applied, written, features, histories):
    """Every exported column, of every item and user, from both of Feast's stores."""
    _, exported = written
    again = Features.fit(
        replace(
            system,
            features=[
                FeastView("item_features", repo=str(applied), features=exported.items),
                FeastView("user_features", repo=str(applied), features=exported.users, by="user"),
            ],
        ),
        TrainingData(histories, toy_items()),
    )
    count, users = len(toy_items()), len(histories)
    rows = np.repeat(np.arange(users), count)
    scores = np.zeros((len(rows), 1), np.float32)
    candidates = Candidates(rows, np.tile(np.arange(count, dtype=np.int32), users), scores, scores > 0)
    queries = Queries(histories, np.full(users, histories.end))
    served = dict(zip(features.names, features(queries, candidates).numeric.T, strict=True))
    spelled = {name.replace("=", "_").replace(" ", "_"): column for name, column in served.items()}
    for reader in (again, again.as_of(histories)):
        kept = dict(zip(reader.names, reader(queries, candidates).numeric.T, strict=True))
        assert len(kept) == 1 + len(exported.items) + len(exported.users)
        for name, column in kept.items():
            own = name.removeprefix("item_features_").removeprefix("user_features_")
            assert np.array_equal(column, spelled[own], equal_nan=True), name


def test_nothing_is_known_before_the_log_ended(applied, histories):
    view = FeastView("item_features", repo=str(applied), features=["item_view_count"])
    fitted = Features.fit(replace(system, features=[view]), TrainingData(histories, toy_items())).as_of(
        histories
    )
    nothing = np.zeros((1, 1), np.float32)
    one = Candidates(np.zeros(1, np.int64), np.zeros(1, np.int32), nothing, nothing > 0)
    values = [
        fitted(Queries(Histories.empty(1), np.array([at])), one).numeric[0, 1]
        for at in (histories.end - 1, histories.end)
    ]
    assert np.isnan(values[0])
    assert values[1] == np.bincount(histories.items)[0]
