"""What Griffe does not read by itself: the document of a parameter, and literal blocks.

A field of a dataclass is described in ``field(metadata={"doc": ...})`` or in the comment that ends its line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from griffe import Class, Extension, Object


class Parameters(Extension):
    """Completes docstrings; Griffe calls it for everything that it reads."""

    def on_class_members(self, *, node: Any, cls: Class, **_: Any) -> None:
        """Add the fields of a dataclass to its docstring, as arguments."""
        if isinstance(node, ast.ClassDef) and cls.docstring and _is_dataclass(node):
            arguments = [f"    {name}: {text}" for name, text in _documents(node, cls)]
            if arguments:
                cls.docstring.value += "\n\nArgs:\n" + "\n".join(arguments)

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Leave out the ``::`` before a literal block, which is indented and so is code in Markdown."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^::\n", "", obj.docstring.value, flags=re.MULTILINE)


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def _documents(node: ast.ClassDef, cls: Class) -> Iterator[tuple[str, str]]:
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            keywords = {each.arg: each.value for each in getattr(field.value, "keywords", ())}
            metadata = ast.literal_eval(keywords["metadata"]) if "metadata" in keywords else {}
            line = cls.lines[(field.end_lineno or field.lineno) - (cls.lineno or 1)]
            text = metadata.get("doc") or line.partition("  # ")[2].strip()
            if text:
                yield field.target.id, text
