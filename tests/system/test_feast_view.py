"""The declaration of a feature view, which needs no Feast to be there."""

import importlib.util
from dataclasses import replace

import pytest

from shortlist import DeclarationError, Entity, Event, FeastView, Objective, Popular, System
from shortlist.base.errors import MissingExtraError
from shortlist.features.kinds.feast import open_view
from shortlist.features.storage import definition_from, to_data

views = Event("view")
system = System(
    name="shop",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular()],
)


def test_columns_and_repository(tmp_path):
    view = FeastView("stats", repo="repo", features=["ctr", "sold"])
    assert view.column_names == ["stats_ctr", "stats_sold"]
    assert view.resolved(tmp_path).repo == str(tmp_path / "repo")
    assert view.resolved(tmp_path).resolved(tmp_path / "elsewhere") == view.resolved(tmp_path)


def test_it_is_stored_in_a_release():
    view = FeastView("stats", features=["ctr"], by="user")
    assert definition_from(to_data(view), {}) == view


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeastView("stats"), "name its features in a list"),
        (lambda: FeastView("stats", features="ctr"), "name its features in a list"),
        (lambda: FeastView("stats", features=["ctr"], by="cart"), "by is 'user' or 'item', not 'cart'"),
        (
            lambda: replace(system, features=[FeastView("stats", features=["ctr"])] * 2),
            "the name 'stats_ctr' is used 2 times",
        ),
    ],
)
def test_invalid_views_are_refused(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


@pytest.mark.skipif(importlib.util.find_spec("feast") is not None, reason="Feast is installed here")
def test_without_feast_a_sentence_says_what_to_install():
    with pytest.raises(MissingExtraError, match=r"pip install 'shortlist\[feast\]'"):
        open_view(FeastView("stats", features=["ctr"]))
