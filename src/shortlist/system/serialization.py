"""Components as plain data: for releases, reports and comparisons."""

from __future__ import annotations

import importlib
import io
from dataclasses import fields
from typing import Any, TypeVar

import polars as pl

from shortlist.base.errors import ReleaseError
from shortlist.system.contracts import Component

T = TypeVar("T")


def path_of(kind: type) -> str:
    """The import path of a class: ``module:Class``."""
    return f"{kind.__module__}:{kind.__qualname__}"


def load_class(path: str, contract: type[T]) -> type[T]:
    """The class at an import path. Raises ReleaseError unless it is there and fulfils ``contract``."""
    module, _, name = path.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ReleaseError(f"a release needs {path}, which cannot be imported here: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, contract)):
        raise ReleaseError(f"a release names {path} as a {contract.__name__}, which it is not")
    return kind


def to_data(component: Component) -> dict[str, Any]:
    """A component's class and parameters as JSON values."""
    parameters = {field.name: getattr(component, field.name) for field in fields(component)}
    return {
        "class": path_of(type(component)),
        "parameters": {
            name: {"expression": value.meta.serialize(format="json")} if isinstance(value, pl.Expr) else value
            for name, value in parameters.items()
        },
    }


def from_data(data: dict[str, Any], contract: type[T]) -> T:
    """The component that ``to_data`` described. Raises ReleaseError where this Shortlist does not know it."""
    kind = load_class(data["class"], contract)
    parameters = {
        name: pl.Expr.deserialize(io.StringIO(value["expression"]), format="json")
        if isinstance(value, dict) and "expression" in value
        else value
        for name, value in data["parameters"].items()
    }
    try:
        return kind(**parameters)
    except TypeError as error:
        raise ReleaseError(
            f"{data['class']} has other parameters here than in the release: {error}"
        ) from error
