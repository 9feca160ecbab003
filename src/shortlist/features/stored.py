"""Definitions as plain data, for releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from shortlist.base.errors import ReleaseError
from shortlist.system import features
from shortlist.system.event import Event
from shortlist.system.features import Feature


def to_data(definition: Feature) -> dict[str, Any]:
    """A definition's kind and knobs as JSON values; events by name."""
    knobs = {field.name: getattr(definition, field.name) for field in fields(definition)}
    plain = {name: value.name if isinstance(value, Event) else value for name, value in knobs.items()}
    return {"kind": type(definition).__name__, **plain}


def from_data(data: Mapping[str, Any], events: Mapping[str, Event]) -> Feature:
    """The definition that ``to_data`` described. Raises ReleaseError where this Shortlist does not know it."""
    kind = getattr(features, data["kind"], None)
    if not (isinstance(kind, type) and issubclass(kind, Feature)):
        raise ReleaseError(f"a release has a feature of the kind {data['kind']!r}, which is not known here")
    knobs = {name: value for name, value in data.items() if name != "kind"}
    for name in ("event", "over_event"):
        if name in knobs:
            knobs[name] = events[knobs[name]]
    knobs["by"] = tuple(knobs["by"]) if isinstance(knobs["by"], list) else knobs["by"]
    try:
        return kind(**knobs)
    except TypeError as error:
        raise ReleaseError(
            f"the feature {data['name']!r} has other knobs here than in the release: {error}"
        ) from error
