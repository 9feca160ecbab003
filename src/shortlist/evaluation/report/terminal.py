"""The evaluation in a terminal: the summary, a table of models, and a line for each other fact."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.names import title
from shortlist.evaluation.report.figures import NOTHING, count, milliseconds, share

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BAR = 6  # cells of the longest bar
SECOND = "recall@20"  # the other metric shown
COLOURS = {"pipeline": "green", "source": "blue", "baseline": "bright_black"}


def show(evaluation: Evaluation, console: Console) -> None:
    """Print the evaluation; readable at 80 columns."""
    console.print()
    console.print(evaluation.summary, style="bold", markup=False, highlight=False)
    console.print(_models(evaluation))
    console.print(_facts(evaluation))


def _models(evaluation: Evaluation) -> Table:
    """Models, best first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    ranked, metric = evaluation.ranked(), evaluation.metric
    longest = max(*(each.metrics[metric].mean for each in ranked), 1e-9)
    second = SECOND if any(SECOND in each.metrics for each in ranked) else None
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column(title(metric), justify="right")
    table.add_column("", width=BAR)
    table.add_column("95% interval", style="dim", no_wrap=True)
    if second:
        table.add_column(title(second), justify="right", no_wrap=True, min_width=len(title(second)))
    table.add_column("p99", justify="right", no_wrap=True)
    for each in ranked:
        quality, colour = each.metrics[metric], COLOURS[each.kind]
        serves = each.name == evaluation.chosen
        table.add_row(
            Text(f"{'▸' if serves else ' '} {each.name}", style="bold" if serves else ""),
            Text(share(quality.mean), style=f"bold {colour}"),
            Text("━" * round(BAR * quality.mean / longest), style=colour),
            f"{share(quality.low)}–{share(quality.high)}",
            *([share(each.metrics[second].mean) if second in each.metrics else NOTHING] if second else []),
            milliseconds(each.latency.p99_ms if each.latency else None),
        )
    return table


def _facts(evaluation: Evaluation) -> Table:
    """Everything else, a line each, under its topic."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    before = ""
    for topic, fact in _lines(evaluation):
        grid.add_row("" if topic == before else topic, Text(fact))
        before = topic
    return grid


def _lines(evaluation: Evaluation) -> Iterable[tuple[str, str]]:
    """Topic and fact of each line."""
    for each in evaluation.recall_ceilings:
        candidates = f"{each.sizes[-1]:.0f} candidates"
        yield "retrieval", f"{each.name}: recall {each.recall[-1].mean:.0%} in {candidates}"
    for model in evaluation.models:
        for objective, scoring in model.scoring.items():
            yield (
                "rankers",
                f"{model.name}, {objective}: ROC-AUC {share(scoring.auc)}, F1 {share(scoring.f1)}, "
                f"calibration error {share(scoring.calibration_error)}",
            )
    for part in evaluation.slices:
        compared = [each.name for each in evaluation.compared if each.name in part.metrics]
        figures = ", ".join(f"{name} {share(part.metrics[name].mean)}" for name in compared)
        yield "slices", f"{part.name} ({count(part.users)}): {figures or 'none'}"
    if evaluation.choice and evaluation.choice.sentence != evaluation.summary:
        yield "choice", evaluation.choice.sentence
    yield "split", evaluation.split
