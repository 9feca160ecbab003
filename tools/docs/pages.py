"""The site's pages that are not in docs/: the README as the first, the reference, and files that pages link to.

MkDocs calls the functions named ``on_...``. A file of the repository keeps its path in the site (without
``docs/``), so links that hold on a forge hold in the site: a file outside docs/ that some page links to becomes
a page, too, and a folder becomes a list of its pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from inspect import getmodule, isclass, isfunction
from pathlib import Path
from pkgutil import iter_modules
from posixpath import dirname, relpath
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

import shortlist

REFERENCE = (
    "shortlist",
    "shortlist.components",
    "shortlist.testing",
)  # modules whose public names have a page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)[^)#\s]+")

_origins: dict[str, Path] = {}  # page -> the file or folder of the repository that it shows


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, and expand folders in the navigation."""
    _origins.clear()
    queue = [
        ROOT / "README.md",
        *(ROOT / str(each) for each in _texts(config.nav)),
        *sorted(DOCS.rglob("*.md")),
    ]
    for path in queue:  # which grows meanwhile
        uri = _uri(path)
        if path.exists() and uri not in _origins:
            _origins[uri] = path
            queue += [target for _, target in _links(path) if target.exists() and not _asset(target)]
            if files.get_file_from_path(uri) is None:
                files.append(_page(uri, path, config))
    for name in REFERENCE:
        content = _reference(import_module(name))
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    config.nav = _expanded(config.nav, [file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links between files of the repository into links between pages."""
    uri = page.file.src_uri
    if uri not in _origins or not _origins[uri].is_file():
        return markdown
    folder = _origins[uri].parent

    def moved(link: re.Match[str]) -> str:
        target = (folder / link[0]).resolve()
        known = not _asset(target) and _uri(target) in _origins
        return relpath(_uri(target), dirname(uri) or ".") if known else link[0]

    if uri == "index.md":
        page.meta["hide"] = ["navigation"]  # the tabs suffice
    markdown = markdown.replace(r"`\|`", "<code>&#124;</code>")  # as forges show it in a table
    return _LINK.sub(moved, markdown)


def _page(uri: str, path: Path, config: MkDocsConfig) -> File:
    """The page that shows a file or a folder of the repository."""
    if path.suffix == ".md":
        return File.generated(config, uri, abs_src_path=str(path))
    if path.is_dir():
        pages = sorted(path.glob("*.md"))
        lines = [f"- [{_title(each)}]({each.name})" for each in pages]
        title = path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT).as_posix().replace("/", ": ")
        return File.generated(config, uri, content="\n".join([f"# {title.capitalize()}", "", *lines]))
    if path.suffix == ".ipynb":
        return File.generated(config, uri, content=_markdown(path), inclusion=InclusionLevel.NOT_IN_NAV)
    name = path.relative_to(ROOT).as_posix()
    text = f"# {name}\n\n````{path.suffix.removeprefix('.')}\n{path.read_text('utf-8')}````\n"
    return File.generated(config, uri, content=text, inclusion=InclusionLevel.NOT_IN_NAV)


def _links(path: Path) -> Iterator[tuple[str, Path]]:
    """The relative links of a page and the paths that they lead to; of a folder, its pages."""
    if path.is_dir():
        yield from ((each.name, each) for each in sorted(path.glob("*.md")))
    elif path.suffix in {".md", ".ipynb"}:
        for link in _LINK.findall(_markdown(path)):
            yield link, (path.parent / link).resolve()


def _markdown(path: Path) -> str:
    """The text of a page, or the cells of a notebook."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return text
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    return "\n\n".join(f"```python\n{source}\n```" if kind == "code" else source for kind, source in cells)


def _uri(path: Path) -> str:
    """The page of a file or a folder of the repository."""
    if path == ROOT / "README.md":
        return "index.md"
    uri = path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT).as_posix()
    if path.is_dir():
        return f"{uri}/index.md"
    return uri if path.suffix == ".md" else f"{uri}.md"


def _asset(path: Path) -> bool:
    """Whether MkDocs copies this file as it is: a picture in docs/, say."""
    return not path.is_relative_to(ROOT) or (
        path.is_relative_to(DOCS) and path.is_file() and path.suffix != ".md"
    )


def _title(page: Path) -> str:
    return next(line for line in page.read_text("utf-8").splitlines() if line.startswith("# ")).removeprefix(
        "# "
    )


def _texts(nav: Any) -> Iterator[str]:
    """The pages and folders that a navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from _texts(each)


def _expanded(nav: Any, pages: list[str]) -> Any:
    """The navigation with all pages of a folder where ``folder/`` stands."""
    if isinstance(nav, list):
        return [_expanded(each, pages) for each in nav]
    if isinstance(nav, dict):
        return {title: _expanded(each, pages) for title, each in nav.items()}
    if not nav.endswith("/"):
        return nav
    inside = sorted(page for page in pages if dirname(page) == nav.rstrip("/"))
    return sorted(inside, key=lambda page: not page.endswith("/index.md"))


# The reference


def _reference(module: ModuleType) -> str:
    """A page about the public names of a module: by what they are, or else by the module that has them."""
    lines = [f"# {module.__name__}", ""]
    for title, names in _groups(module).items():
        lines += [f"## {title}", ""] if names else []
        for name, path in sorted(names.items(), key=lambda each: each[0].lower()):
            lines += [f"::: {path}", "    options:", f"      heading: {name}", f"      toc_label: {name}", ""]
    return "\n".join(lines)


def _groups(module: ModuleType) -> dict[str, dict[str, str]]:
    """Heading -> public name -> its path."""
    if hasattr(module, "__all__"):
        return _by_kind(module)
    return _by_module(module) if hasattr(module, "__path__") else _by_home(module)


def _by_home(module: ModuleType) -> dict[str, dict[str, str]]:
    """The names that a module takes from elsewhere, by the package that has them."""
    groups: dict[str, dict[str, str]] = {title: {} for title in HOMES.values()}
    for name, named in vars(module).items():
        home = getattr(named, "__module__", "")
        if not name.startswith("_") and home.startswith("shortlist.") and hasattr(named, "__qualname__"):
            groups[HOMES[home.split(".")[1]]][name] = f"{home}.{named.__qualname__}"
    return groups


def _by_kind(module: ModuleType) -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = {title: {} for title in (*KINDS, "Functions", "Errors")}
    for name in module.__all__:
        named = getattr(module, name)
        own = getattr(named, "__module__", "").startswith("shortlist.") and hasattr(named, "__qualname__")
        path = f"{named.__module__}.{named.__qualname__}" if own else f"{module.__name__}.{name}"
        groups[_kind(named)][name] = path
    return groups


def _by_module(package: ModuleType) -> dict[str, dict[str, str]]:
    modules = [import_module(f"{package.__name__}.{each.name}") for each in iter_modules(package.__path__)]
    return {
        module.__name__: {
            name: f"{module.__name__}.{name}"
            for name, named in vars(module).items()
            if not name.startswith("_")
            and (isclass(named) or isfunction(named))
            and getmodule(named) is module
        }
        for module in modules
    }


def _kind(named: object) -> str:
    if not isclass(named):
        return "Functions" if isfunction(named) else "Declaration"
    if issubclass(named, Exception):
        return "Errors"
    kinds = (kind for kind, classes in KINDS.items() if issubclass(named, classes))
    return next(kinds, "Declaration")


def _family(named: type) -> type:
    """The most general class of ours that ``named`` derives from."""
    return [each for each in named.__mro__ if each.__module__.startswith("shortlist.")][-1]


KINDS: dict[str, tuple[type, ...]] = {  # what has no other kind is of the first
    "Declaration": (),
    "Events and objectives": (shortlist.Event, shortlist.Objective, shortlist.Match),
    "Attributes": (_family(shortlist.Number),),
    "Features": (_family(shortlist.Count), shortlist.Band),
    "Sources": (shortlist.Source,),
    "Rankers": (shortlist.Ranker,),
    "Filters and orders": (shortlist.Filter, shortlist.Order),
    "Encoders": (_family(shortlist.EfficientNetLite0), shortlist.FineTune),
}
HOMES = {"system": "Contracts", "features": "Features", "index": "Vector index", "base": "Data and helpers"}
