"""The verbs, one function each; interfaces show what they return."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from shortlist.base.columns import SECOND
from shortlist.base.errors import DeclarationError
from shortlist.base.files import write_bytes
from shortlist.base.progress import SILENT, Progress
from shortlist.data.check import Problem
from shortlist.data.check import check as check_data
from shortlist.data.compact import compact as compact_store
from shortlist.data.compact import whole_log
from shortlist.data.dataset import Dataset, load_dataset
from shortlist.data.forget import forget as forget_user
from shortlist.data.ingest.ingest import IngestReport
from shortlist.data.ingest.ingest import ingest as ingest_data
from shortlist.data.log.retention import Dropped, drop_before
from shortlist.evaluation.evaluation import Evaluation, to_json
from shortlist.evaluation.report.page import write_html
from shortlist.features.feast_export import Exported, export
from shortlist.features.features import Features
from shortlist.features.parity import Parity, compare
from shortlist.features.table import Column, described
from shortlist.pipeline.release import save
from shortlist.project.project import Project, opened
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases
from shortlist.storage.training_lease import lowest_lease, training_lease
from shortlist.system.contracts import TrainingOptions
from shortlist.training.evaluate import evaluate as evaluate_system
from shortlist.training.fit import fit_data
from shortlist.training.run import TrainingRun
from shortlist.training.sample_users import sample_users
from shortlist.training.trial import Trial


def check(project: Project) -> list[Problem]:
    """Everything in which the declaration and the data disagree."""
    problems = check_data(project.system, project.root)
    external = [each for definition in project.system.features for each in definition.external_problems()]
    return problems + [Problem(severity="error", file="features", message=each) for each in external]


def ingest(project: Project, progress: Progress = SILENT) -> IngestReport:
    """Read what is new in the declared tables into the home. Raises DataError, DeclarationError."""
    return ingest_data(project.system, project.home, project.root, progress=progress)


def dataset(project: Project, progress: Progress = SILENT) -> tuple[Dataset, int]:
    """The whole log, ingested and accepted by the server, and the store's sequence that it goes up to."""
    with learning(project.home), project.store() as store:
        log, watermark = whole_log(project.home, store)
        return load_dataset(project.system, project.home, log, store.added_items(), progress), watermark


@contextmanager
def learning(home: Home) -> Iterator[None]:
    """Within the block, no compaction drops what a release needs that is trained on the log as it is now."""
    with opened(home) as store:
        watermark = store.sequence()
    with training_lease(home, watermark):
        yield


@dataclass(frozen=True)
class Compacted:
    """What a compaction did."""

    events: int  # moved to the log
    dropped: Dropped | None  # None: a training holds the log, so nothing was dropped


def compact(
    home: Home,
    *,
    keep: int | None = None,
    exposures: int | None = None,
    releases: int | None = None,
    now: float | None = None,
) -> Compacted:
    """Move accepted events from the store to the log, and drop what is not to be kept.

    Keeps whole days of the log for ``keep`` and exposures for ``exposures`` microseconds, and the newest
    ``releases`` with the one that serves; None: all. The store drops what no release needs that is kept or being
    trained. ``now``: seconds since 1970, for tests.
    """
    all_releases = Releases(home)
    moment = int((time.time() if now is None else now) * SECOND)
    if releases is not None:
        all_releases.prune(releases)

    def keep_above() -> int:
        mark = lowest_lease(home)  # first: a training that is done has added its release before
        kept = all_releases.watermark()
        return kept if mark is None else min(mark, kept)

    with opened(home) as store:
        if exposures is not None:
            store.expire(moment - exposures)
        events = compact_store(home, store, keep_above)
    if keep is None:
        return Compacted(events, Dropped())
    return Compacted(events, drop_before(home, moment - keep) if lowest_lease(home) is None else None)


def forget(home: Home, user: str) -> None:
    """Delete what ``user`` did and was shown: from the store, the log, and every answer from now on."""
    with opened(home) as store:
        forget_user(home, store, user)


def parity(project: Project) -> Parity:
    """Replay the ingested log through both readers of features."""
    data, _ = dataset(project)
    own = [each for each in project.system.features if each.from_log]
    fitted = Features.fit(replace(project.system, features=own), data.training_data(project.system))
    return compare(fitted, data.histories)


def features(project: Project) -> list[Column]:
    """Every feature, as it was just before the newest events of the log."""
    data, _ = dataset(project)
    fitted = Features.fit(project.system, data.training_data(project.system))
    return described(fitted, data.histories)


def export_feast(project: Project, folder: Path) -> Exported:
    """Write the features of items and of users, as they are at the log's end, as a Feast repository."""
    data, _ = dataset(project)
    fitted = Features.fit(project.system, data.training_data(project.system))
    return export(project.system, fitted, data.histories, folder)


def evaluate(project: Project, data: Dataset, run: TrainingRun | None = None) -> Trial:
    """Compare all models on the newer part of the log, and write the report into the home."""
    run = run or training_run(project)
    trial = evaluate_system(
        project.system, data.items, data.histories, users=data.users, contexts=data.contexts, run=run
    )
    folder = project.home.evaluation
    folder.mkdir(exist_ok=True)
    write_bytes(folder / "evaluation.json", to_json(trial.evaluation))
    write_html(trial.evaluation, folder / "report.html", sample_users(trial))
    return trial


def train(
    project: Project, data: Dataset, watermark: int, evaluation: Evaluation, run: TrainingRun | None = None
) -> int:
    """Fit the chosen pipeline on the whole log and add it as a release; its number.

    With the ``run`` of the evaluation, what that one fitted on the same data is not fitted again.
    """
    assert evaluation.choice is not None
    run = run or training_run(project)
    name = evaluation.choice.name
    chosen_only = replace(
        project.system, rankers=[each for each in project.system.rankers if each.name == name]
    )
    trained = fit_data(chosen_only, data.training_data(project.system), run, "the release")
    pipeline = trained.rankers.get(name, trained.retrieval)
    chosen = next(each for each in evaluation.models if each.name == name)
    facts = {
        "system": project.system.name,
        "chosen": evaluation.choice.name,
        "why": evaluation.choice.sentence,
        "metric": evaluation.metric,
        "metrics": {name: asdict(interval) for name, interval in chosen.metrics.items()},
        "split": evaluation.split,
        "users": len(data.histories),
        "items": len(data.items),
        "events": len(data.histories.items),
        "watermark": watermark,
    }

    def write(folder: Path) -> None:
        save(folder, project.system, pipeline, data.users, data.histories, watermark)
        write_bytes(folder / "evaluation.json", to_json(evaluation))

    with run.progress.step("writing the release"):
        return project.releases.add(write, facts)


def training_run(project: Project, progress: Progress = SILENT, *, releases: bool = False) -> TrainingRun:
    """A run for an evaluation and, with ``releases``, for a release after it: pass it to both."""
    options = TrainingOptions(
        seed=project.system.seed, progress=progress, checkpoints=project.home.path / "checkpoints"
    )
    fits = (2 if project.system.rankers else 1) + releases
    return TrainingRun(options, fits=fits)


def must_be_sound(problems: list[Problem]) -> None:
    """Raise DeclarationError with every problem that is an error; warnings pass."""
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors:
        raise DeclarationError(errors)
