"""The site of the documentation: complete without a network, and with every public name."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import shortlist

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_readme_is_the_first_page(site):
    page = (site / "index.html").read_text("utf-8")
    for heading in re.findall(r"^#+ (.+)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE):
        assert re.search(rf"<h\d[^>]*>{heading}<", page), heading


def test_links_lead_to_files_and_anchors_of_the_site(site):
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', page):
            url = urlsplit(link)
            if url.scheme:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            assert target.exists(), f"{path}: {link}"
            if url.fragment and target in pages:
                assert f'id="{unquote(url.fragment)}"' in pages[target], f"{path}: {link}"


def test_nothing_is_fetched_from_elsewhere(site):
    for path in site.rglob("*.html"):
        page = path.read_text("utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//[^"]*"', page), path
        assert not re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect)"[^>]+href="(?:https?:)?//', page), (
            path
        )
        assert not re.findall(
            r'<link[^>]+href="(?:https?:)?//[^"]*"[^>]+rel="(?:stylesheet|preconnect)"', page
        )
    for path in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", path.read_text("utf-8")), path


def test_every_public_name_is_in_the_reference(site):
    page = (site / "reference" / "shortlist.html").read_text("utf-8")
    headings = re.findall(r'<h3 id="shortlist\.[\w.]*?(\w+)"', page)
    assert sorted(headings) == sorted(shortlist.__all__)


def test_the_reference_says_what_a_parameter_is(site):
    page = (site / "reference" / "shortlist.html").read_text("utf-8")
    rows = re.findall(r"<tr class=\"doc-section-item\">(.*?)</tr>", page, re.DOTALL)
    texts = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    for field in dataclasses.fields(shortlist.ALS):
        if field.name in vars(shortlist.ALS)["__annotations__"]:
            assert f"{field.name} {field.type} {field.metadata['doc']} {field.default}" in texts
