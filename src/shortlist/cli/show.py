"""Results of the verbs, drawn for a terminal of 80 columns or more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shortlist.data.check import Problem
from shortlist.data.ingest.ingest import IngestReport
from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.report.terminal import show
from shortlist.features.feast_export import Exported
from shortlist.features.parity import Parity
from shortlist.features.table import Column
from shortlist.project.results import qualities
from shortlist.service.answers import Explanations, SearchResults, Slate, StageTrace, UserHistory
from shortlist.storage.home import Home
from shortlist.storage.releases import ReleaseFacts

BAR = 24  # cells of the longest bar
HISTORY_SHOWN = 8  # newest events of a user
CONTRIBUTIONS = 6  # features named for each objective


def show_problems(out: Console, problems: Sequence[Problem]) -> None:
    """Every problem, errors first."""
    for problem in sorted(problems, key=lambda problem: problem.severity != "error"):
        mark = "[red]error[/red]  " if problem.severity == "error" else "[yellow]warning[/yellow]"
        out.print(f"{mark} {escape(str(problem))}", soft_wrap=True)
    errors = sum(problem.severity == "error" for problem in problems)
    if not problems:
        out.print("[green]✓[/green] the declaration and the data agree")
    elif not errors:
        out.print("[green]✓[/green] nothing stands in the way")


def show_parity(out: Console, parity: Parity) -> None:
    """Whether training and serving read the same."""
    if parity.difference:
        out.print(f"[red]skew[/red]     {escape(str(parity.difference))}", soft_wrap=True)
    else:
        out.print(
            f"[green]✓[/green] training and serving read the same: {parity.values:,} values of "
            f"features at {parity.moments} moments of the log"
        )


def show_features(out: Console, columns: Sequence[Column]) -> None:
    """One line per feature."""
    table = Table(box=SIMPLE_HEAD, header_style="dim")
    table.add_column("feature", no_wrap=True)
    for name in ("type", "owner", "window"):
        table.add_column(name)
    table.add_column("coverage", justify="right")
    table.add_column("sample", justify="right")
    for each in columns:
        example = "" if each.example is None else f"{each.example:.4g}"
        table.add_row(escape(each.name), each.kind, each.owner, each.window, f"{each.coverage:.0%}", example)
    out.print(table)


def show_feast_export(out: Console, exported: Exported, folder: Path) -> None:
    """What was written and what was not, and the commands that bring it into Feast."""
    out.print(
        f"Wrote {len(exported.items)} features of items and {len(exported.users)} of users to [bold]{folder}[/bold]."
    )
    if exported.left_out:
        names = escape(", ".join(exported.left_out))
        out.print(f"[dim]Not of an item or a user alone, so not in it: {names}[/dim]", soft_wrap=True)
    day = exported.at.astype("datetime64[D]")
    span = f"{day}T00:00:00 {day + 1}T00:00:00"
    out.print(f"  cd {folder} && feast apply && feast materialize {span}", soft_wrap=True)


def show_ingest(out: Console, report: IngestReport, home: Home) -> None:
    """What was read, and what was quarantined."""
    for line in str(report).splitlines():
        out.print(f"  {escape(line)}", soft_wrap=True)
    if report.quarantined or any(each.quarantined for each in report.pictures):
        out.print(f"  [yellow]rejected rows are in {home.quarantine}[/yellow]", soft_wrap=True)


def show_evaluation(out: Console, evaluation: Evaluation, home: Home) -> None:
    """The table of models, and where the report is."""
    show(evaluation, out)
    out.print(f"\nReport: {home.evaluation / 'report.html'}\n", soft_wrap=True)


def show_releases(out: Console, releases: Sequence[ReleaseFacts], current: int | None) -> None:
    """One line per release."""
    if not releases:
        out.print("no releases yet: shortlist train FILE makes one")
        return
    columns = qualities(releases)
    table = Table(
        "", "release", "made", "ranker", *columns, "events", "size", box=SIMPLE_HEAD, header_style="dim"
    )
    for each, *means in zip(releases, *columns.values(), strict=True):
        table.add_row(
            "[green]▶ serves[/green]" if each.number == current else "",
            str(each.number),
            each.created.replace("T", " ")[:16],
            f"[red]{escape(each.problem)}[/red]" if each.problem else str(each.facts.get("chosen", "")),
            *("" if mean is None else f"{mean:.3f}" for mean in means),
            f"{each.facts.get('events', 0):,}",
            f"{each.bytes / 1e6:.1f} MB",
        )
    out.print(table)


def show_slate(out: Console, history: UserHistory, slate: Slate) -> None:
    """The user's newest events by title, their slate with reasons, and what was degraded."""
    out.print(f"[bold]user {escape(str(slate.user))}[/bold] has {history.total:,} events, the newest:")
    for event in history.events:
        value = "" if event.value is None else f" {event.value:g}"
        out.print(f"  [dim]{event.at:%Y-%m-%d}[/dim]  {escape(event.title)} [dim]{event.event}{value}[/dim]")
    if not history.events:
        out.print("  [dim]none yet: a new user gets what is popular[/dim]")
    out.print(f"\n[bold]their slate now[/bold] [dim](release {slate.release}, {slate.took_ms:.1f} ms)[/dim]")
    table = Table(box=None, show_header=False, pad_edge=True)
    for entry in slate.items:
        chances = "  ".join(f"{name} {p:.0%}" for name, p in entry.probabilities.items())
        table.add_row(str(entry.position), escape(entry.title), f"[dim]{escape(entry.reason)}[/dim]", chances)
    out.print(table)
    _show_degraded(out, slate.degraded)


def show_results(out: Console, results: SearchResults) -> None:
    """What a search retrieved, with scores and reasons, and how it went."""
    count = len(results.items)
    out.print(
        f"[bold]{count} result{'s' * (count != 1)}[/bold] "
        f"[dim](release {results.release}, {results.took_ms:.1f} ms)[/dim]"
    )
    table = Table(box=None, show_header=False, pad_edge=True)
    for entry in results.items:
        scores = "  ".join(f"{name} {score:.2f}" for name, score in entry.scores.items() if score)
        chances = "  ".join(f"{name} {p:.0%}" for name, p in entry.probabilities.items())
        table.add_row(
            str(entry.position),
            escape(entry.title),
            f"[dim]{escape(entry.reason)}[/dim]",
            f"{scores}  {chances}",
            f"[dim]{escape(entry.item)}[/dim]",
        )
    out.print(table)
    show_stages(out, results.stages)
    _show_degraded(out, results.degraded)


def _show_degraded(out: Console, degraded: Sequence[str]) -> None:
    for note in degraded:
        out.print(f"  [yellow]degraded: {escape(note)}[/yellow]")


def show_stages(out: Console, stages: Sequence[StageTrace]) -> None:
    """Where the milliseconds of a request went."""
    longest = max((stage.ms for stage in stages), default=0) or 1
    out.print("\n[bold]the request, stage by stage[/bold]")
    for stage in stages:
        bar = "━" * max(1, round(BAR * stage.ms / longest))
        flow = f"{stage.before} → {stage.after}" if stage.before or stage.after else ""
        out.print(f"  {stage.stage:<12} {flow:>11}  {stage.ms:6.2f} ms [blue]{bar}[/blue]")


def show_explanations(out: Console, explanations: Explanations) -> None:
    """The sentence of each item, and what spoke for and against it."""
    for each in explanations.items:
        out.print(f"\n{escape(each.sentence)}", soft_wrap=True)
        for objective, parts in each.contributions.items():
            largest = list(parts.items())[:CONTRIBUTIONS]
            longest = max((abs(value) for _, value in largest), default=0) or 1
            out.print(f"  [dim]{objective}[/dim]")
            for name, value in largest:
                colour = "green" if value > 0 else "red"
                bar = "━" * max(1, round(BAR * abs(value) / longest))
                out.print(f"    {name:<28} {value:+.2f} [{colour}]{bar}[/{colour}]")
