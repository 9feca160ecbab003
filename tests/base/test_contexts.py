"""Contexts: one JSON text in logs, codes in a vocabulary inside the engine."""

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

contexts_of_any_text = st.dictionaries(
    st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), min_size=1
)


@given(a_context=contexts_of_any_text)
def test_a_context_comes_back_from_its_text(a_context):
    assert from_text(to_text(a_context)) == a_context
    assert to_text(a_context) == to_text(dict(reversed(a_context.items()))), "one text, whatever the order"


def test_an_empty_context_is_no_text():
    assert to_text(None) is None
    assert to_text({}) is None
    assert from_text(None) == {}


def test_vocabularies_have_the_most_frequent_value_first():
    counts = [
        ({"device": "tv", "colour": "red"}, 2),
        ({"device": "mobile"}, 3),
        ({"device": "car"}, 2),
        ({}, 9),
    ]
    contexts = Contexts.from_counts(["device", "country"], counts)
    assert contexts.vocabularies == {"device": ("mobile", "car", "tv"), "country": ()}
    codes = contexts.codes([{"device": "tv"}, {"device": "fridge"}, None, {"country": "at"}])
    assert codes.tolist() == [[2, -1], [-1, -1], [-1, -1], [-1, -1]]


def test_values_outside_the_vocabulary_are_missing():
    contexts = Contexts.from_counts(
        ["page"], [({"page": str(n)}, 1000 - n) for n in range(VOCABULARY_SIZE + 5)]
    )
    assert len(contexts.vocabularies["page"]) == VOCABULARY_SIZE
    assert contexts.codes([{"page": str(VOCABULARY_SIZE)}]).tolist() == [[-1]]


def test_without_contexts_there_are_no_codes():
    assert NO_CONTEXTS.codes([None, None]) is None
    assert NO_CONTEXTS.encode_request(None) is None


def test_an_undeclared_name_is_refused_with_its_field():
    with pytest.raises(InvalidRequestError, match="did you mean 'device'") as caught:
        Contexts({"device": ("tv",)}).encode_request({"devise": "tv"})
    assert caught.value.field == "context.devise"
    with pytest.raises(InvalidRequestError, match="there are none") as caught:
        must_be_declared({"device": "tv"}, (), "[3].")
    assert caught.value.field == "[3].context.device"
