import json
import math
import subprocess
import sys
from argparse import ArgumentParser, Namespace

import numpy as np
import pytest
from benchmarks.form import Report, child, interleaved, measured, ratio, run

from benchmarks import form

MIB = 2**20


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--items", type=int, default=1000)


def measure(report: Report, options: Namespace) -> None:
    print("a library chats")
    subprocess.run(["echo", "and so does a command"], check=True)
    report.sizes["items"] = options.items // (10 if options.quick else 1)
    report.row(source="ease", ndcg=np.float32(0.5), users=12_000)
    report.row(source="als[/30d]", seconds=math.nan)
    report.claim("good enough", np.float64(0.3), "NDCG@10", at_least=0.25)
    report.claim("a fact", 7)


def measure_failing(report: Report, options: Namespace) -> None:
    measure(report, options)
    report.claim("fast enough", 12.5, "ms", at_most=10)


def test_json_is_one_object_alone_on_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("quality", measure, options=options, argv=["--json", "--items", "70"]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert list(found) == ["benchmark", "commit", "machine", "versions", "sizes", "claims", "rows"]
    assert found["benchmark"] == "quality"
    assert found["sizes"] == {"items": 70}
    assert found["claims"] == [
        {"claim": "good enough", "value": 0.3, "unit": "NDCG@10", "bar": ">= 0.25", "holds": True},
        {"claim": "a fact", "value": 7, "unit": "", "bar": None, "holds": True},
    ]
    assert found["rows"] == [
        {"source": "ease", "ndcg": 0.5, "users": 12_000},
        {"source": "als[/30d]", "seconds": None},
    ]
    assert found["machine"]["cores"] >= 1
    assert found["versions"]["numpy"] == np.__version__
    assert "a library chats" in err
    assert "and so does a command" in err


def test_a_claim_that_does_not_hold_is_named_and_fails_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("speed", measure_failing, options=options, argv=[]) == 1
    out = capfd.readouterr().out
    assert "does not hold: fast enough" in out
    assert "12,000" in out
    assert "als[/30d]" in out
    assert run("speed", measure_failing, options=options, argv=["--json"]) == 1
    assert [claim["holds"] for claim in json.loads(capfd.readouterr().out)["claims"]] == [True, True, False]


def test_quick_says_so_in_both_outputs(capfd: pytest.CaptureFixture[str]) -> None:
    run("speed", measure, options=options, argv=["--quick"])
    assert "quick" in capfd.readouterr().out
    run("speed", measure, options=options, argv=["--quick", "--json"])
    assert json.loads(capfd.readouterr().out)["sizes"] == {"quick": True, "items": 100}


@pytest.mark.parametrize(
    ("value", "bar", "holds"),
    [
        (1.0, {"at_least": 1.0}, True),
        (0.9, {"at_least": 1.0}, False),
        (1.0, {"at_most": 1.0}, True),
        (1.1, {"at_most": 1.0}, False),
        (math.nan, {"at_least": 0.0}, False),
        (math.nan, {"at_most": 0.0}, False),
        (math.inf, {}, True),
    ],
)
def test_bars(value: float, bar: dict[str, float], holds: bool) -> None:
    report = Report("bars")
    report.claim("it", value, **bar)
    assert report.claims[0].holds is holds


def test_two_bars_are_refused() -> None:
    with pytest.raises(ValueError, match="two bars"):
        Report("bars").claim("it", 1, at_least=0, at_most=2)


def test_keep_writes_the_tables(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "FOLDER", tmp_path)
    monkeypatch.setattr(form, "commit", lambda: "0a1b2c3d4e5f")
    run("speed", measure_failing, options=options, argv=["--keep"])
    kept = (tmp_path / "results" / "speed.md").read_text()
    assert kept.startswith("# speed\n")
    assert "does not hold: fast enough" in kept


def test_keep_refuses_a_tree_with_changes_before_it_measures(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(form, "FOLDER", tmp_path)
    monkeypatch.setattr(form, "commit", lambda: "0a1b2c3d4e5f-dirty")
    with pytest.raises(SystemExit):
        run("speed", lambda *_: pytest.fail("measured"), argv=["--keep"])
    assert "uncommitted changes" in capfd.readouterr().err
    assert not (tmp_path / "results").exists()


def burn() -> int:
    return sum(n * n for n in range(2_000_000))


def test_cpu_time_counts_children_and_no_waiting() -> None:
    here = measured(burn)
    command = measured(subprocess.run, [sys.executable, "-c", "sum(n * n for n in range(2_000_000))"])
    waiting = measured(subprocess.run, ["sleep", "0.3"])
    assert here.value == burn()
    assert here.cpu > 0
    assert command.cpu > 0.01
    assert waiting.seconds >= 0.3
    assert waiting.cpu < waiting.seconds


def test_functions_are_timed_in_turn() -> None:
    calls: list[str] = []
    times = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3)
    assert calls == list("ababab")
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 3, "b": 3}


def test_ratio_is_the_median_of_rounds() -> None:
    assert ratio({"a": [2, 9, 4], "b": [1, 3, 4]}, "a", "b") == 2


def fill(mebibytes: int) -> int:
    return int(np.ones(mebibytes * MIB, np.uint8).sum(dtype=np.int64))


def test_a_child_has_its_own_peak_whatever_the_parent_holds() -> None:
    small = child(abs, -3)
    ballast = np.ones(400 * MIB, np.uint8)
    still_small = child(abs, -3)
    large = child(fill, 200)
    assert small.value == 3
    assert large.value == 200 * MIB
    assert still_small.peak < small.peak + 50 * MIB < len(ballast)
    assert large.peak > small.peak + 190 * MIB


def test_a_child_counts_the_command_it_waits_for() -> None:
    code = "a = b'x' * (300 << 20)"
    assert child(subprocess.run, [sys.executable, "-c", code]).peak > 300 * MIB
