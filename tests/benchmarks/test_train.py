from pathlib import Path

import pytest
from benchmarks.form import Measured, Report

from benchmarks import form, train


def run(cpu: float, ndcg: float) -> Measured:
    values = {"ranker": {"u1": ndcg, "u2": ndcg + 0.1, "u3": ndcg + 0.3}}
    return Measured({"chosen": "ranker", "ndcg": values}, cpu, cpu, 0)


def test_the_bar_is_on_cpu_and_quality() -> None:
    report = Report("train")
    train.compare(report, "movies", {"current": [run(7.0, 0.4)] * 2, "baseline": [run(10.0, 0.4)] * 2})
    assert not report.failed
    report = Report("train")
    train.compare(report, "movies", {"current": [run(9.0, 0.3)] * 2, "baseline": [run(10.0, 0.4)] * 2})
    assert report.failed == ["CPU to the baseline's", "the same, high end of the 95% interval"]


def test_a_recorded_baseline_is_read_from_what_keep_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "FOLDER", tmp_path)
    monkeypatch.setattr(form, "commit", lambda: "0a1b2c3d4e5f")
    monkeypatch.setattr(train, "FOLDER", tmp_path)

    def measure(report: Report, options: object) -> None:
        report.row(side="current", commit="0a1b2c3d4e5f", cpu_s=612.25, wall_s=400.0, chosen="ranker")
        report.row(side="baseline", commit="bdf99c65cd69", cpu_s=1503.4, wall_s=900.0, chosen="ranker")

    form.run("train_visual", measure, argv=["--keep"])
    assert train.read_recorded("train_visual", "bdf99c6") == 1503
    with pytest.raises(SystemExit, match="no CPU time of 1111111"):
        train.read_recorded("train_visual", "1111111")
    with pytest.raises(SystemExit, match="no CPU time"):
        train.read_recorded("train", "bdf99c6")


def test_recorded_is_no_measurement_of_this_run() -> None:
    report = Report("train_visual")
    train.compare(report, "visual", {"current": [run(4.0, 0.4)]}, recorded=10.0)
    assert [claim.claim for claim in report.claims if claim.bar] == ["CPU to the baseline's recorded earlier"]
    assert not report.failed
