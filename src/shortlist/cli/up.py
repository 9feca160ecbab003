"""``shortlist up``: the whole loop, shown as it happens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from urllib.request import Request, urlopen

import msgspec
import numpy as np
from rich.console import Console
from rich.markup import escape

from shortlist.cli.show import (
    HISTORY_SHOWN,
    show_evaluation,
    show_ingest,
    show_problems,
    show_slate,
    show_stages,
)
from shortlist.data.dataset import Dataset
from shortlist.project import verbs
from shortlist.project.progress import ProgressDisplay
from shortlist.project.project import open_project
from shortlist.server.server import running
from shortlist.service.answers import Explanations, Slate, UserHistory

T = TypeVar("T")

TYPICAL_HISTORY = 40  # events, about, of the user whom the requests are for
SLATE = 10


def run_up(out: Console, file: Path, host: str, port: int, *, stay: bool) -> None:
    """Check, ingest, train, publish, serve and show; then serve until Ctrl-C if ``stay``."""
    start = time.perf_counter()
    project = open_project(file)
    out.print(f"[bold]{project.system.name}[/bold] [dim]from {file}, kept in {project.home.path}[/dim]\n")
    run = verbs.training_run(project, ProgressDisplay(out), releases=True)
    with run.progress.step("checking the declaration against the data"):
        problems = verbs.check(project)
    show_problems(out, problems)
    verbs.must_be_sound(problems)
    show_ingest(out, verbs.ingest(project, run.progress), project.home)
    moved = verbs.compact(project.home).events
    if moved:
        out.print(f"  {moved:,} events that the server accepted are in the log now")
    with verbs.learning(project.home):
        data, watermark = verbs.dataset(project, run.progress)
        evaluation = verbs.evaluate(project, data, run).evaluation
        number = verbs.train(project, data, watermark, evaluation, run)
    with run.progress.step(f"publishing release {number}"):
        project.releases.publish(number)
    show_evaluation(out, evaluation, project.home)
    with running(project.home, host=host, port=port if stay else 0) as url:
        _show_requests(out, url, data)
        out.print(f"\nThe whole loop took {time.perf_counter() - start:.0f} s.")
        if stay:
            _stay(out, url)


def _show_requests(out: Console, url: str, data: Dataset) -> None:
    """A user's slate, where its time went, and why its first item is there."""
    lengths = data.histories.lengths
    user = data.users.keys[int(np.argmin(np.abs(lengths - TYPICAL_HISTORY)))]
    history = f"{url}/v1/users/{quote(user, safe='')}/history?n={HISTORY_SHOWN}"
    ask = f"{url}/v1/recommend?user={quote(user)}&n={SLATE}&trace=true"
    _call(ask, Slate)  # the first request of a process pays for pages that are not in memory yet
    slate = _call(ask, Slate)
    show_slate(out, _call(history, UserHistory), slate)
    show_stages(out, slate.stages or [])
    out.print(f"\n[dim]curl '{ask}'[/dim]", soft_wrap=True)
    if slate.items:
        question = {"user": user, "items": [slate.items[0].item]}
        [reason] = _call(f"{url}/v1/explain", Explanations, question).items
        out.print(f"\n[bold]why the first?[/bold] {escape(reason.sentence)}", soft_wrap=True)


def _stay(out: Console, url: str) -> None:
    out.print(
        f"\n[bold green]Serving at {url}[/bold green]  [dim](interface: {url}/schema; Ctrl-C ends)[/dim]"
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("\nstopped; everything is kept: `shortlist serve` goes on from here")


def _call(url: str, kind: type[T], body: dict[str, Any] | None = None) -> T:
    content = None if body is None else msgspec.json.encode(body)
    request = Request(url, content, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        return msgspec.json.decode(answer.read(), type=kind)
