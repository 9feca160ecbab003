"""Workflows and commit hooks run the Makefile's commands, on the versions that the package names."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
VERSIONS = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d", each)]


def workflow(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))


def commands(job: dict) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_every_push_is_tested_with_every_version_on_linux_and_on_macos():
    on = workflow("ci")[True]  # YAML 1.1 reads the key `on` so
    assert {"push", "pull_request"} <= set(on)
    job = workflow("ci")["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert "make test" in commands(job)
    assert [each.split("-")[0] for each in matrix["os"]] == ["ubuntu"]
    assert matrix["python"] == VERSIONS
    assert any(each["os"].startswith("macos") and each["python"] in VERSIONS for each in matrix["include"])


def test_the_oldest_version_is_the_one_required():
    assert PROJECT["requires-python"] == f">={VERSIONS[0]}"


def test_a_tag_publishes_what_was_tested():
    release = workflow("release")
    assert release[True]["push"]["tags"] == ["v*"]
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    assert "make test" in commands(build)
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert "pypa/gh-action-pypi-publish" in publish["steps"][-1]["uses"]
    assert "test-wheel" in re.search(r"^test: (.*)", MAKEFILE, re.MULTILINE)[1]
    assert re.search(r"^test-wheel: dist$", MAKEFILE, re.MULTILINE)


def test_make_test_is_everything():
    parts = re.search(r"^test: (.*)", MAKEFILE, re.MULTILINE)[1].split()
    assert set(parts) >= {"lint", "types", "imports", "docs", "unit", "test-feast", "coverage", "test-wheel"}


def test_hooks_are_valid_and_fetch_nothing():
    config = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", str(config)], check=True)
    repositories = yaml.safe_load(config.read_text("utf-8"))["repos"]
    assert {each["repo"] for each in repositories} == {"local"}
    hooks = [hook for each in repositories for hook in each["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    for target in re.findall(r"make (\S+)", " ".join(hook["entry"] for hook in hooks)):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_what_the_tests_install_is_pinned():
    pinned = (ROOT / "constraints.txt").read_text("utf-8")
    names = {re.match(r"[\w.-]+", line)[0].replace("_", "-").lower() for line in pinned.splitlines()[1:]}
    optional = PROJECT["optional-dependencies"]
    needed = [*PROJECT["dependencies"], *optional["all"], *optional["dev"], *optional["bench"]]
    for extra in ("catboost", "sql", "redis", "vision", "vision-train"):
        needed += optional[extra]
    wanted = {re.match(r"[\w.-]+", each)[0].replace("_", "-").lower() for each in needed} - {"shortlist"}
    assert wanted <= names
