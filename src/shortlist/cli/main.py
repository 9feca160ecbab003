"""The command ``shortlist``: one subcommand per verb."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shortlist.base.errors import ShortlistError

if TYPE_CHECKING:
    from shortlist.service.requests import Crop

app = typer.Typer(
    name="shortlist",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="From millions of items to the twenty that matter to this person, now.\n\n"
    "Start with [bold]shortlist up FILE[/bold]: it checks, ingests, trains, evaluates, publishes and serves "
    "the system that FILE declares. Every step is also a command of its own.",
    epilog="State lives in .shortlist/NAME below the working folder, or where SHORTLIST_HOME points.",
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

File = Annotated[Path, typer.Argument(help="The Python file that declares the System.", show_default=False)]
Which = Annotated[
    str | None,
    typer.Option("--system", "-s", help="A System file or a system's name; default: the only one here."),
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]
Workers = Annotated[int, typer.Option(help="Server processes.", min=1)]
N = Annotated[int, typer.Option("--n", "-n", help="How many items to return.", min=1)]


@app.command()
def check(
    file: File,
    parity: Annotated[
        bool,
        typer.Option(
            "--parity", help="Also replay the ingested log: are features in training those in serving?"
        ),
    ] = False,
) -> None:
    """Compare the declaration with the data and report every problem at once.

    Exits with 1 when there is an error; warnings alone pass.
    """
    from shortlist.cli.show import show_parity, show_problems
    from shortlist.project import verbs
    from shortlist.project.project import open_project

    project = open_project(file)
    problems = verbs.check(project)
    show_problems(out, problems)
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)
    if parity:
        comparison = verbs.parity(project)
        show_parity(out, comparison)
        if comparison.difference:
            raise typer.Exit(1)


@app.command()
def features(
    file: File,
    export_feast: Annotated[
        Path | None,
        typer.Option(help="Write those of items and users into this new folder, as a Feast repository."),
    ] = None,
) -> None:
    """Show every feature of the ingested system: its owner, its window, its coverage, an example."""
    from shortlist.cli.show import show_feast_export, show_features
    from shortlist.project import verbs
    from shortlist.project.project import open_project

    project = open_project(file)
    if export_feast:
        show_feast_export(out, verbs.export_feast(project, export_feast), export_feast)
    else:
        show_features(out, verbs.features(project))


@app.command()
def ingest(file: File) -> None:
    """Read the declared tables into the event log and the catalogue.

    Run it as often as you like: inputs that did not change are skipped, and no event is taken twice. Rows
    that cannot be used go to the quarantine folder with their reasons.
    """
    from shortlist.cli.show import show_ingest
    from shortlist.project import verbs
    from shortlist.project.project import open_project

    project = open_project(file)
    from shortlist.project.progress import ProgressDisplay

    show_ingest(out, verbs.ingest(project, ProgressDisplay(out)), project.home)


@app.command()
def evaluate(file: File) -> None:
    """Fit on the older part of the log, replay the newer, compare all models; writes an HTML report."""
    from shortlist.cli.show import show_evaluation
    from shortlist.project import verbs
    from shortlist.project.progress import ProgressDisplay
    from shortlist.project.project import open_project

    project = open_project(file)
    run = verbs.training_run(project, ProgressDisplay(out))
    data, _ = verbs.dataset(project, run.progress)
    trial = verbs.evaluate(project, data, run)
    show_evaluation(out, trial.evaluation, project.home)


@app.command()
def train(file: File) -> None:
    """Evaluate, choose a ranker, fit it on the whole log, and add a release. Publish makes it serve."""
    from shortlist.cli.show import show_evaluation
    from shortlist.project import verbs
    from shortlist.project.progress import ProgressDisplay
    from shortlist.project.project import open_project

    project = open_project(file)
    verbs.compact(project.home)
    run = verbs.training_run(project, ProgressDisplay(out), releases=True)
    with verbs.learning(project.home):
        data, watermark = verbs.dataset(project, run.progress)
        evaluation = verbs.evaluate(project, data, run).evaluation
        number = verbs.train(project, data, watermark, evaluation, run)
    show_evaluation(out, evaluation, project.home)
    out.print(f"Release [bold]{number}[/bold] is ready: shortlist publish {number}")


@app.command()
def compact(
    system: Which = None,
    keep: Annotated[str, typer.Option(help="Drop days of the log that are older: 365d, 52w.")] = "all",
    exposures: Annotated[str, typer.Option(help="Drop exposures that are older: 90d.")] = "all",
    releases: Annotated[
        int | None,
        typer.Option(help="Keep this many of the newest releases, and the one that serves.", min=1),
    ] = None,
) -> None:
    """Move accepted events from the store to the daily log. Train does so, too.

    Run it as often as you like, also while a server runs. The store keeps a copy of what a release needs
    that could be published again: with --releases, older ones are removed, and the store shrinks. Nothing else
    is ever dropped than what --keep, --exposures and --releases say.
    """
    from shortlist.base.durations import microseconds
    from shortlist.project import verbs
    from shortlist.project.project import open_home

    done = verbs.compact(
        open_home(system), keep=microseconds(keep), exposures=microseconds(exposures), releases=releases
    )
    out.print(f"Moved [bold]{done.events:,}[/bold] events to the log.")
    if done.dropped is None:
        out.print("[yellow]A training reads the log:[/yellow] all of it is kept, run this again later.")
    elif done.dropped.days:
        out.print(
            f"Dropped {done.dropped.days:,} days with {done.dropped.events:,} events, older than {keep}."
        )


@app.command()
def forget(
    user: Annotated[str, typer.Argument(help="The user's key.")],
    system: Which = None,
) -> None:
    """Delete everything a user did and was shown, from the store, the log and every answer.

    A table that still holds them does not bring back what they did until now. Releases that learned from them
    go with `compact --releases N`.
    """
    from shortlist.project import verbs
    from shortlist.project.project import open_home

    verbs.forget(open_home(system), user)
    out.print(f"Forgot [bold]{escape(user)}[/bold].")


@app.command()
def releases(system: Which = None) -> None:
    """List the releases of a system; the one that serves is marked."""
    from shortlist.cli.show import show_releases
    from shortlist.project.project import open_home
    from shortlist.storage.releases import Releases

    all_releases = Releases(open_home(system))
    show_releases(out, all_releases.list(), all_releases.current())


@app.command()
def publish(
    number: Annotated[int, typer.Argument(help="The release's number.")], system: Which = None
) -> None:
    """Make a release serve, forward or back. A running server swaps to it without dropping a request."""
    from shortlist.project.project import open_home
    from shortlist.storage.releases import Releases

    Releases(open_home(system)).publish(number)
    out.print(f"Release [bold]{number}[/bold] serves.")


@app.command()
def serve(system: Which = None, host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Serve the published release over REST until Ctrl-C; the interface is described at /schema."""
    from shortlist.project.project import open_home
    from shortlist.server.server import serve as serve_home

    serve_home(open_home(system), host=host, port=port, workers=workers)


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="The user's key; an unknown user gets what is popular.")],
    n: N = 20,
    context: Annotated[
        list[str] | None,
        typer.Option(help="A context of the request, as device=mobile; may be repeated."),
    ] = None,
    system: Which = None,
) -> None:
    """Show a user's history and the slate that the published release makes for them now."""
    from shortlist.cli.show import HISTORY_SHOWN, show_slate
    from shortlist.project.local_service import service_of
    from shortlist.project.project import open_home
    from shortlist.service.requests import HistoryRequest, RecommendRequest

    request = RecommendRequest(user, n, context=_pairs(context or ()))
    with service_of(open_home(system)) as service:
        [slate] = service.recommend([request])
        show_slate(out, service.history(HistoryRequest(user, HISTORY_SHOWN)), slate)


def _pairs(texts: Iterable[str]) -> dict[str, str]:
    """``name=value`` texts as a mapping."""
    pairs = [text.partition("=") for text in texts]
    for name, _, value in pairs:
        if not (name and value):
            raise typer.BadParameter(f"{name!r} has no value: write name=value, as device=mobile")
    return {name: value for name, _, value in pairs}


@app.command()
def search(
    photo: Annotated[
        Path | None, typer.Argument(help="A picture file to search with.", show_default=False)
    ] = None,
    item: Annotated[str | None, typer.Option(help="An item to find similar ones of.")] = None,
    text: Annotated[str, typer.Option(help="Words of names and descriptions.")] = "",
    crop: Annotated[
        str | None, typer.Option(help="The part to search with: auto, or left,top,right,bottom from 0 to 1.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="An attribute that items must have, as product=Apple; may be repeated."),
    ] = None,
    n: N = 20,
    system: Which = None,
) -> None:
    """Find items that look like a photo or an item, or match a text, in the published release."""
    from shortlist.base.errors import NotFoundError
    from shortlist.cli.show import show_results
    from shortlist.project.local_service import service_of
    from shortlist.project.project import open_home
    from shortlist.service.requests import SearchRequest

    if photo is not None and not photo.is_file():
        raise NotFoundError(f"no picture file {str(photo)!r}")
    picture = photo.read_bytes() if photo is not None else None
    request = SearchRequest(picture, item, text, _crop(crop), n, _pairs(where or ()) or None)
    with service_of(open_home(system)) as service:
        [results] = service.search([request])
        show_results(out, results)


def _crop(text: str | None) -> Crop | None:
    if text is None or text == "auto":
        return text  # type: ignore[return-value]
    try:
        left, top, right, bottom = (float(side) for side in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither auto nor four numbers such as 0.1,0.1,0.9,0.9"
        ) from None
    return left, top, right, bottom


@app.command()
def explain(
    user: Annotated[str, typer.Argument(help="The user's key.")],
    items: Annotated[list[str], typer.Argument(help="Keys of items to explain.", show_default=False)],
    n: N = 20,
    system: Which = None,
) -> None:
    """Say why an item is in a user's slate, or why not."""
    from shortlist.cli.show import show_explanations
    from shortlist.project.local_service import service_of
    from shortlist.project.project import open_home
    from shortlist.service.requests import ExplainRequest

    with service_of(open_home(system)) as service:
        show_explanations(out, service.explain(ExplainRequest(user, [*items], n)))


@app.command()
def up(file: File, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Do everything: check, ingest, train, evaluate, publish, serve, and show what happens.

    Serves until Ctrl-C. Without a terminal, or with CI=true, it makes its requests and ends.
    """
    from shortlist.cli.up import run_up

    stay = sys.stdout.isatty() and os.environ.get("CI", "").lower() not in {"1", "true"}
    run_up(out, file, host, port, stay=stay)


def main() -> None:
    """Run the command line; an error that its user can mend is one message and exit status 1."""
    try:
        import shortlist.base.platform  # noqa: F401  # refuses where no command can work

        app()
    except ShortlistError as error:
        err.print("[red]error:[/red]", escape(str(error)), soft_wrap=True)
        sys.exit(1)
