"""The pages of the server: landing page, search, and the reference of the interface. They load nothing else."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, get
from litestar.openapi.plugins import OpenAPIRenderPlugin

_FOLDER = Path(__file__).parent
_SHELL = (_FOLDER / "shell.html").read_text()
_LANDING = (_FOLDER / "landing.html").read_text()
_SEARCH = (_FOLDER / "search.html").read_text()
_EXAMPLES = {"user": "42", "item": "50", "hash": "0" * 64}  # of parameters in URLs


@get("/", include_in_schema=False, media_type=MediaType.HTML)
async def landing() -> str:
    """The page at the server's address: try a user, follow links."""
    return _page("Shortlist", _LANDING)


@get("/search", include_in_schema=False, media_type=MediaType.HTML)
async def search_page() -> str:
    """The page that searches with a photo."""
    return _SEARCH


class Reference(OpenAPIRenderPlugin):
    """Every route with its parameters and an example that can be pasted, made from the OpenAPI document."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page, in UTF-8."""
        base = str(request.base_url).rstrip("/")
        routes = [
            _route(base, path, method, operation, openapi_schema)
            for path, operations in openapi_schema["paths"].items()
            for method, operation in operations.items()
        ]
        head = '<p>Machine-readable: <a href="/schema/openapi.json">openapi.json</a></p>'
        return _page("REST interface", head + "\n".join(routes)).encode()


def _page(title: str, body: str) -> str:
    return _SHELL.replace("{title}", escape(title)).replace("{body}", body)


def _route(base: str, path: str, method: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    rows = [
        f"<tr><td><code>{escape(p['name'])}</code><td>{escape(p['in'])}<td>{_html(p.get('description', ''))}"
        for p in parameters
    ]
    needed = [p["name"] for p in parameters if p["in"] == "query" and p["required"]]
    url = base + path.format(**_EXAMPLES)
    url += "".join(f"{'&' if index else '?'}{name}={_EXAMPLES[name]}" for index, name in enumerate(needed))
    command = f"curl{'' if method == 'get' else ' -X ' + method.upper()} '{url}'"
    body = _example_body(operation, document)
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        command += " \\\n  -F picture=@photo.jpg"
    elif body is not None:
        command += f" \\\n  -d '{json.dumps(body)}'"
    title = escape(f"{method.upper()} {path}")
    words = _html(f"{operation['summary']}. {operation['description']}")
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    return (
        f"<section><h2><code>{title}</code></h2><p>{words}</p>{table}<pre>{escape(command)}</pre></section>"
    )


def _html(text: str) -> str:
    """Text with its ``code``."""
    return re.sub(r"`+(.+?)`+", r"<code>\1</code>", escape(text))


def _example_body(operation: dict[str, Any], document: dict[str, Any]) -> Any:
    """An object with an example for each field that has one; None where the route takes no body."""
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        schema = media["schema"]
        choices = [schema, *schema.get("oneOf", [])]
        reference = next(choice["$ref"] for choice in choices if "$ref" in choice)
        fields = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]["properties"]
        return {name: field["examples"][0] for name, field in fields.items() if field.get("examples")}
    return None
