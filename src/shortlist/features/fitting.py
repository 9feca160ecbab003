"""Do the definitions fit the catalogue? Every attribute they name must be there, and of the kind they read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shortlist.base.columns import ITEM
from shortlist.base.errors import DeclarationError
from shortlist.base.items import Items
from shortlist.base.suggest import did_you_mean
from shortlist.features.words import named
from shortlist.system.features import Band, Definition, Distance, Feature, Similarity
from shortlist.system.static_features import ItemAttribute, Length


def must_fit(definitions: Iterable[Definition], items: Items) -> None:
    """Raise DeclarationError with every attribute that is not there, or not of the kind that is read."""
    problems = [problem for each in definitions for problem in _problems(each, items)]
    if problems:
        raise DeclarationError(problems)


def _problems(definition: Definition, items: Items) -> Iterator[str]:
    what, name, known = _reads(definition, items)
    if name is not None and name not in known:
        divides = isinstance(definition, Feature) and not isinstance(definition, Distance | Similarity)
        if divides and name in named(items, "number"):
            yield f"{what}: {name!r} is a number, which divides by its bands: by=('user', Band({name!r}))"
        elif name in items.table.columns and name != ITEM:
            yield f"{what}: the attribute {name!r} is of another kind; {did_you_mean(name, known)}"
        else:
            yield f"{what}: no attribute {name!r}; {did_you_mean(name, known)}"


def _reads(definition: Definition, items: Items) -> tuple[str, str | None, list[str]]:
    """The definition in words, the attribute that it reads, and those that it could."""
    match definition:
        case ItemAttribute(attribute=name):
            kinds = ("number", "time", "words")
            return repr(definition), name, [each for kind in kinds for each in named(items, kind)]
        case Length(attribute=name):
            return repr(definition), name, named(items, "words")
        case Feature(owner="user", per=Band(attribute=name)):
            return f"feature {definition.name!r}", name, named(items, "number")
        case Feature(owner="user", per=str(name)) if name != ITEM:
            read: dict[type, str] = {Distance: "number", Similarity: "vector"}
            return f"feature {definition.name!r}", name, named(items, read.get(type(definition), "words"))
        case _:
            return "", None, []
