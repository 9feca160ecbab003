"""Definitions and what they learned as files of a release; a kind is loaded by the import path of its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.base.errors import ReleaseError
from shortlist.base.files import load_array, save_arrays
from shortlist.features.kind import FeatureKind
from shortlist.system.event import Event
from shortlist.system.serialization import load_class, path_of


def to_data(value: Any) -> Any:
    """A definition, or a value of its fields, as JSON: events by name, dataclasses by import path and fields."""
    if isinstance(value, Event):
        return {"event": value.name}
    if is_dataclass(value) and not isinstance(value, type):
        parameters = {field.name: to_data(getattr(value, field.name)) for field in fields(value)}
        return {"class": path_of(type(value)), "parameters": parameters}
    if isinstance(value, Mapping):
        return {"mapping": {key: to_data(part) for key, part in value.items()}}
    return [to_data(part) for part in value] if isinstance(value, tuple | list) else value


def definition_from(data: Mapping[str, Any], events: Mapping[str, Event]) -> FeatureKind:
    """The definition that ``to_data`` described. Raises ReleaseError where this Shortlist does not have it."""
    definition = _from_data(data, events, FeatureKind)
    assert isinstance(definition, FeatureKind)
    return definition


def _from_data(value: Any, events: Mapping[str, Event], contract: type = object) -> Any:
    if isinstance(value, list):
        return tuple(_from_data(part, events) for part in value)
    if not isinstance(value, dict):
        return value
    if "mapping" in value:
        return {key: _from_data(part, events) for key, part in value["mapping"].items()}
    if "event" in value:
        return events[value["event"]]
    kind: type[Any] = load_class(value["class"], contract)
    if not is_dataclass(kind):
        raise ReleaseError(f"a release names {value['class']} as part of a feature, which is no dataclass")
    try:
        return kind(
            **{name: _from_data(parameter, events) for name, parameter in value["parameters"].items()}
        )
    except TypeError as error:
        raise ReleaseError(f"{value['class']} has other fields here than in the release: {error}") from error


def save_learned(folder: Path, learned: Mapping[str, Any]) -> dict[str, Any]:
    """Write the arrays among ``learned`` into ``folder``; all of it as JSON, arrays by the names of their files."""
    arrays = {key: value for key, value in learned.items() if isinstance(value, np.ndarray)}
    files = {key: f"learned_{number}" for number, key in enumerate(arrays)}
    save_arrays(folder, **{files[key]: array for key, array in arrays.items()})
    return {key: {"array": files[key]} if key in files else value for key, value in learned.items()}


def load_learned(folder: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """What ``save_learned`` wrote; arrays stay mapped to their files."""
    return {
        key: load_array(folder, value["array"]) if isinstance(value, dict) and "array" in value else value
        for key, value in data.items()
    }
