"""What is counted, for Prometheus.

With several worker processes each counts into files of the folder that ``PROMETHEUS_MULTIPROC_DIR`` names,
and any of them answers with the sums; ``server`` sets that up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from shortlist.pipeline.slate import Stage

disable_created_metrics()  # type: ignore[no-untyped-call]  # they would add a second series for each counter

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """All counters of one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "shortlist_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "shortlist_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._stage_seconds = Counter(
            "shortlist_stage_seconds", "Time spent in each stage of the path.", ["stage"], registry=registry
        )
        self._candidates = Counter(
            "shortlist_stage_candidates",
            "Candidates in and out of each stage.",
            ["stage", "side"],
            registry=registry,
        )
        self._of_stage: dict[str, tuple[Counter, Counter, Counter]] = {}  # looking labels up is slow
        self._degraded = Counter(
            "shortlist_degraded", "Answers that were made without some part.", registry=registry
        )
        self._events = Counter(
            "shortlist_events",
            "Events posted: new, or duplicate of an accepted one.",
            ["outcome"],
            registry=registry,
        )
        self.exposures_dropped = Counter(
            "shortlist_exposures_dropped", "Exposures that could not be kept.", registry=registry
        )
        self.refused = Counter(
            "shortlist_releases_refused", "Published releases that could not be served.", registry=registry
        )
        self.release = Gauge(
            "shortlist_release", "The release that serves.", registry=registry, multiprocess_mode="mostrecent"
        )

    def responded(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def answered(self, stages: Iterable[Stage], *, degraded: bool) -> None:
        """Count what each stage of a call did, and whether some part was left out."""
        for stage in stages:
            if stage.name not in self._of_stage:
                self._of_stage[stage.name] = (
                    self._stage_seconds.labels(stage.name),
                    self._candidates.labels(stage.name, "in"),
                    self._candidates.labels(stage.name, "out"),
                )
            seconds, before, after = self._of_stage[stage.name]
            seconds.inc(stage.ms / 1000)
            before.inc(stage.before)
            after.inc(stage.after)
        if degraded:
            self._degraded.inc()

    def accepted(self, is_new: Sequence[bool]) -> None:
        """Count posted events."""
        self._events.labels("new").inc(sum(is_new))
        self._events.labels("duplicate").inc(len(is_new) - sum(is_new))

    def page(self) -> bytes:
        """Everything in Prometheus' text format, of all processes together."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
