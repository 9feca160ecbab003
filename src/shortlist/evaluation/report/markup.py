"""HTML and SVG as a tree that cannot forget to escape: text becomes text, whatever it contains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Node:
    """An element. ``str(node)`` is well-formed XML, which every browser also reads as HTML."""

    tag: str
    attributes: dict[str, str]
    children: tuple[Node | str, ...]

    def __str__(self) -> str:
        opening = "".join(f' {name}="{escape(value)}"' for name, value in self.attributes.items())
        if not self.children and self.tag in VOID:
            return f"<{self.tag}{opening}/>"
        return f"<{self.tag}{opening}>{''.join(map(_text, self.children))}</{self.tag}>"


VOID = {"meta", "br", "line", "circle", "path", "rect", "polyline", "polygon"}

Content = Node | str | None | Iterable["Content"]


def h(tag: str, *content: Content, **attributes: str | float | None) -> Node:
    """An element: ``h("p", "Hello ", h("b", name), class_="lead")``.

    Content may be nested lists; None is left out, of attributes too. ``class_`` is class, ``aria_label``
    is aria-label; numbers are written with at most two decimals.
    """
    named = {
        name.rstrip("_").replace("_", "-"): value
        if isinstance(value, str)
        else f"{value:.2f}".rstrip("0").rstrip(".")
        for name, value in attributes.items()
        if value is not None
    }
    return Node(tag, named, tuple(_flat(content)))


def _flat(content: Content) -> Iterable[Node | str]:
    if isinstance(content, Node | str):
        yield content
    elif content is not None:
        for part in content:
            yield from _flat(part)


def _text(child: Node | str) -> str:
    return str(child) if isinstance(child, Node) else escape(child, quote=False)
