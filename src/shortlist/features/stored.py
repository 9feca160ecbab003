"""Definitions as plain data, for releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from shortlist.base.errors import ReleaseError
from shortlist.system import feast, features, static_features
from shortlist.system.event import Event
from shortlist.system.features import Band, Definition

MODULES = (features, static_features, feast)  # where kinds of definitions are declared


def to_data(definition: Definition) -> dict[str, Any]:
    """A definition's kind and knobs as JSON values; events by name."""
    knobs = {field.name: _plain(getattr(definition, field.name)) for field in fields(definition)}  # type: ignore[arg-type]
    return {"kind": type(definition).__name__, **knobs}


def from_data(data: Mapping[str, Any], events: Mapping[str, Event]) -> Definition:
    """The definition that ``to_data`` described. Raises ReleaseError where this Shortlist does not know it."""
    kind = next((getattr(module, data["kind"]) for module in MODULES if hasattr(module, data["kind"])), None)
    if not (isinstance(kind, type) and issubclass(kind, Definition)):
        raise ReleaseError(f"a release has a feature of the kind {data['kind']!r}, which is not known here")
    knobs = {name: value for name, value in data.items() if name != "kind"}
    for name in ("event", "over_event"):
        if name in knobs:
            knobs[name] = events[knobs[name]]
    if isinstance(knobs.get("by"), list):
        owner, part = knobs["by"]
        knobs["by"] = (owner, Band(**part) if isinstance(part, dict) else part)
    try:
        return kind(**knobs)
    except TypeError as error:
        raise ReleaseError(f"the feature {data} has other knobs here than in the release: {error}") from error


def _plain(knob: Any) -> Any:
    if isinstance(knob, Event):
        return knob.name
    if isinstance(knob, tuple):
        return [_plain(part) for part in knob]
    return asdict(knob) if isinstance(knob, Band) else knob
