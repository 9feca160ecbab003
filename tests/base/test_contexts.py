"""Contexts: one text in logs, places among known words inside the engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.contexts import (
    NO_CONTEXTS,
    VOCABULARY_SIZE,
    Contexts,
    from_text,
    must_be_declared,
    to_text,
)
from shortlist.base.errors import InvalidRequestError

words = st.dictionaries(
    st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), min_size=1
)


@given(words)
def test_a_context_comes_back_from_its_text(said):
    assert from_text(to_text(said)) == said
    assert to_text(said) == to_text(dict(reversed(said.items()))), "one text, whatever the order"


def test_nothing_said_is_no_text():
    assert to_text(None) is None
    assert to_text({}) is None
    assert from_text(None) == {}


def test_words_are_learned_the_most_common_first():
    said = [
        ({"device": "tv", "colour": "red"}, 2),
        ({"device": "mobile"}, 3),
        ({"device": "car"}, 2),
        ({}, 9),
    ]
    contexts = Contexts.from_counts(["device", "country"], said)
    assert contexts.vocabularies == {"device": ("mobile", "car", "tv"), "country": ()}
    codes = contexts.codes([{"device": "tv"}, {"device": "fridge"}, None, {"country": "at"}])
    assert codes.tolist() == [[2, -1], [-1, -1], [-1, -1], [-1, -1]]


def test_rare_words_of_many_count_as_unsaid():
    contexts = Contexts.from_counts(
        ["page"], [({"page": str(n)}, 1000 - n) for n in range(VOCABULARY_SIZE + 5)]
    )
    assert len(contexts.vocabularies["page"]) == VOCABULARY_SIZE
    assert contexts.codes([{"page": str(VOCABULARY_SIZE)}]).tolist() == [[-1]]


def test_without_contexts_nothing_is_carried():
    assert NO_CONTEXTS.codes([None, None]) is None
    assert NO_CONTEXTS.encode_request(None) is None


def test_a_name_that_is_not_declared_is_told_with_its_field():
    with pytest.raises(InvalidRequestError, match="did you mean 'device'") as caught:
        Contexts({"device": ("tv",)}).encode_request({"devise": "tv"})
    assert caught.value.field == "context.devise"
    with pytest.raises(InvalidRequestError, match="there are none") as caught:
        must_be_declared({"device": "tv"}, (), "[3].")
    assert caught.value.field == "[3].context.device"
