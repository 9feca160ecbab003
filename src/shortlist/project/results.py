"""What the verbs return in Python: values that show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import polars as pl

from shortlist.data.check import Problem
from shortlist.data.ingest.report import IngestReport
from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.names import HEADLINE, lower_is_better, title
from shortlist.service.tables import count_of, html_table, text_table
from shortlist.storage.releases import ReleaseFacts

AGREE = "the declaration and the data agree"


class Problems(tuple[Problem, ...]):
    """The problems that ``check`` reports, errors first; empty where the declaration and the data agree."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(f"{each.severity}: {each}" for each in self) or AGREE

    def to_polars(self) -> pl.DataFrame:
        """One row per problem."""
        rows = [(each.severity, each.file, each.column, each.message, [*each.examples]) for each in self]
        text = dict.fromkeys(("severity", "file", "column", "message"), pl.String)
        return pl.DataFrame(rows, {**text, "examples": pl.List(pl.String)}, orient="row")

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>✓ {AGREE}</p>"
        errors = sum(each.severity == "error" for each in self)
        return html_table(
            self.to_polars(), f"{count_of(errors, 'error')}, {count_of(len(self) - errors, 'warning')}"
        )


@dataclass(frozen=True, repr=False)
class Ingestion:
    """What ``ingest`` read."""

    report: IngestReport

    def __repr__(self) -> str:
        return str(self.report)

    def to_polars(self) -> pl.DataFrame:
        """One row per input of a table: rows read, added, in the log already, quarantined."""
        return pl.DataFrame(
            [
                {
                    "table": each.table,
                    "file": each.file,
                    "unchanged": each.unchanged,
                    "rows": each.rows,
                    "added": each.added,
                    "already logged": each.already_logged,
                    "quarantined": sum(each.quarantined.values()),
                    "reasons": [f"{count:,} {reason}" for reason, count in each.quarantined.items()],
                }
                for each in self.report.inputs
            ],
            schema_overrides={"reasons": pl.List(pl.String)},
        )

    def _repr_html_(self) -> str:
        events = f"{count_of(self.report.items, 'item')} in the catalogue, {count_of(self.report.added, 'new event')}"
        notes = [*map(str, self.report.pictures), *(f"warning: {each}" for each in self.report.warnings)]
        return html_table(self.to_polars(), events) + "".join(f"<p>{escape(note)}</p>" for note in notes)


@dataclass(frozen=True, repr=False)
class Report:
    """An evaluation and its report."""

    evaluation: Evaluation
    path: Path  # of the report, an HTML file that the next evaluation replaces
    page: str = field(compare=False)  # its content

    @classmethod
    def read(cls, evaluation: Evaluation, path: Path) -> Report:
        """With the report that was written to ``path``."""
        return cls(evaluation, path, path.read_text("utf-8"))

    def __repr__(self) -> str:
        choice = self.evaluation.choice
        return f"{choice.sentence if choice else self.evaluation.summary}\nReport: {self.path}"

    def to_polars(self) -> pl.DataFrame:
        """One row per model with the mean of each metric, best by the headline metric first."""
        rows = [
            {"name": each.name, "kind": each.kind}
            | {name: interval.mean for name, interval in each.metrics.items()}
            for each in self.evaluation.models
        ]
        table, metric = pl.DataFrame(rows, infer_schema_length=None), self.evaluation.metric
        descending = not lower_is_better(metric)
        return table.sort(metric, descending=descending, nulls_last=True, maintain_order=True)

    def _repr_html_(self) -> str:
        style = "width:100%;height:640px;border:1px solid #8884;border-radius:8px"
        return f"<iframe title='evaluation' sandbox srcdoc='{escape(self.page)}' style='{style}'></iframe>"


@dataclass(frozen=True, repr=False)
class Training:
    """What ``train`` made: a release to be published, and the evaluation that chose its ranker."""

    release: int
    report: Report

    def __repr__(self) -> str:
        return f"release {self.release}: {self.report!r}"

    def to_polars(self) -> pl.DataFrame:
        """The evaluation's table."""
        return self.report.to_polars()

    def _repr_html_(self) -> str:
        return f"<p>Release {self.release} can be published.</p>{self.report._repr_html_()}"


class ReleaseList(tuple[ReleaseFacts, ...]):
    """The releases of a home, oldest first."""

    __slots__ = ()

    def __repr__(self) -> str:
        return text_table(self.to_polars(), count_of(len(self), "release"))

    def to_polars(self) -> pl.DataFrame:
        """One row per release, with the headline metric of its evaluation."""
        return pl.DataFrame(
            [
                pl.Series("release", [each.number for each in self], pl.Int64),
                pl.Series("created", [each.created for each in self], pl.String),
                pl.Series("ranker", [each.facts.get("chosen") for each in self], pl.String),
                *(pl.Series(name, means, pl.Float64) for name, means in qualities(self).items()),
                pl.Series("events", [each.facts.get("events") for each in self], pl.Int64),
                pl.Series("bytes", [each.bytes for each in self], pl.Int64),
                pl.Series("problem", [each.problem for each in self], pl.String),
            ]
        )

    def _repr_html_(self) -> str:
        return html_table(self.to_polars(), count_of(len(self), "release"))


def qualities(releases: Sequence[ReleaseFacts]) -> Mapping[str, list[float | None]]:
    """The headline metric of each release's evaluation: a column by its title for each metric that occurs."""
    metrics = dict.fromkeys(each.facts["metric"] for each in releases if "metric" in each.facts) or [HEADLINE]
    return {
        title(metric): [each.facts.get("metrics", {}).get(metric, {}).get("mean") for each in releases]
        for metric in metrics
    }
