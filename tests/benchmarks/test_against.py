"""Two trees side by side, on a small repository whose commits differ in what their Shortlist answers."""

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from benchmarks.form import Measured, Report

from benchmarks import against

ADAPTER = """
class Adapter:
    def answer(self, factor):
        import shortlist
        print("a library prints")
        sum(i * i for i in range(200_000))
        return {"answer": shortlist.ANSWER * factor}

    def fail(self):
        raise ValueError("no such user")
"""


def git(root: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A tree with the real worker and form and a Shortlist of one number; the commit where that was 1."""
    root, real = tmp_path / "repository", against.ROOT
    (root / "src/shortlist").mkdir(parents=True)
    (root / "benchmarks/adapters/current").mkdir(parents=True)
    for name in ("__init__", "form", "worker", "adapters/__init__", "adapters/current/__init__"):
        (root / f"benchmarks/{name}.py").write_text((real / f"benchmarks/{name}.py").read_text())
    (root / "benchmarks/adapters/current/toy.py").write_text(ADAPTER)
    (root / "src/shortlist/__init__.py").write_text("ANSWER = 1\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "First")
    first = git(root, "rev-parse", "HEAD")
    (root / "src/shortlist/__init__.py").write_text("ANSWER = 2\n")
    git(root, "commit", "--quiet", "--all", "--message", "Second")
    monkeypatch.setattr(against, "ROOT", root)
    return root, first


def test_each_side_runs_its_own_tree_and_the_checkout_is_removed(repository: tuple[Path, str]) -> None:
    root, first = repository
    report = Report("toy")
    with against.sides("toy", report, first) as workers:
        answers = {name: worker.call("answer", factor=10) for name, worker in workers.items()}
        baseline = workers["baseline"].root
        assert (baseline / "src").is_dir()
    assert {name: each.value for name, each in answers.items()} == {
        "current": {"answer": 20},
        "baseline": {"answer": 10},
    }
    assert all(0 < each.cpu <= each.seconds + 0.1 for each in answers.values())
    assert report.sizes["against"] == first[:12]
    assert not baseline.exists()
    assert len(git(root, "worktree", "list").splitlines()) == 1


def test_without_a_commit_there_is_one_side(repository: tuple[Path, str]) -> None:
    with against.sides("toy", Report("toy"), None) as workers:
        assert list(workers) == ["current"]


def test_an_error_in_a_worker_names_its_tree_and_leaves_it_usable(repository: tuple[Path, str]) -> None:
    root, _ = repository
    with against.worker("toy", root) as worker:
        with pytest.raises(RuntimeError, match=r"(?s)repository.*no such user"):
            worker.call("fail")
        assert worker.call("answer", factor=1).value == {"answer": 2}


def test_a_failing_side_removes_the_checkout(repository: tuple[Path, str]) -> None:
    root, first = repository
    with pytest.raises(RuntimeError), against.sides("toy", Report("toy"), first) as workers:
        workers["baseline"].call("fail")
    assert len(git(root, "worktree", "list").splitlines()) == 1


def test_an_unknown_commit_is_named(repository: tuple[Path, str]) -> None:
    with pytest.raises(SystemExit, match="no such commit"), against.checkout("0123abc"):
        pass


def test_a_worker_of_another_shortlist_is_refused(repository: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    elsewhere = {"PYTHONPATH": f"{repository[0] / 'src'}:{repository[0]}"}
    with pytest.raises(RuntimeError, match="imported Shortlist from"):
        against.Worker("toy", tmp_path / "empty", elsewhere)


def test_rounds_alternate_and_end_when_enough() -> None:
    calls: list[str] = []

    def side(name: str):
        return lambda number: calls.append(f"{name}{number}") or Measured(number, 1.0, 1.0, 0)

    runs = against.interleaved_rounds({"a": side("a"), "b": side("b")}, 10, lambda runs: len(runs["a"]) == 3)
    assert calls == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [each.value for each in runs["b"]] == [0, 1, 2]


def test_the_interval_of_a_mean_is_students() -> None:
    found = against.mean_interval([1.0, 2.0, 3.0, 4.0])
    # t(0.975, 3 degrees of freedom) = 3.18245, standard error = 1.29099 / 2
    assert found.value == 2.5
    assert found.high == pytest.approx(2.5 + 3.18245 * 1.290994 / 2, abs=1e-4)
    assert found.low == pytest.approx(2.5 - 3.18245 * 1.290994 / 2, abs=1e-4)
    assert math.isnan(against.mean_interval([1.0]).high)


def test_a_paired_ratio_cancels_what_both_sides_share() -> None:
    rng = np.random.default_rng(0)
    busy = rng.lognormal(0, 1, 100)
    found = against.paired_ratio(1.1 * busy * rng.lognormal(0, 0.01, 100), busy)
    assert found.value == pytest.approx(1.1, rel=0.01)
    assert found.low < 1.1 < found.high
    assert found.high - found.low < 0.01


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        found = against.paired_ratio(np.exp(rng.normal(0, 0.1, 12)), np.ones(12))
        covered += found.low <= 1.0 <= found.high
    assert 0.91 < covered / 400 < 0.985


def test_a_paired_difference_is_by_key() -> None:
    found = against.paired_difference({"a": 0.5, "b": 0.7, "c": math.nan}, {"b": 0.6, "a": 0.4, "c": 0.1})
    assert found.value == pytest.approx(0.1)
    with pytest.raises(ValueError, match="not evaluated on the same queries"):
        against.paired_difference({"a": 0.5}, {"b": 0.5})


def test_the_worker_speaks_json_lines_alone(repository: tuple[Path, str]) -> None:
    with against.worker("toy", repository[0]) as worker:
        worker.start("answer", factor=3)
        assert worker._process.stdout is not None
        line = json.loads(worker._process.stdout.readline())
    assert line["value"] == {"answer": 6}
    assert sorted(line) == ["cpu", "peak", "seconds", "value"]
