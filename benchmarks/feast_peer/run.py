"""Feast on the same rows, in an environment of its own: the peer of ``features`` and ``hydrate``.

Benchmarks call `run`, which runs this file with the Python of an environment that has Feast (``make feast``)::

    run(python, "historical", table="stats.parquet", examples="examples.parquet", out="values.parquet")
    run(python, "online", items="items.parquet", users="users.parquet", candidates=500, requests=100)

``historical`` times ``get_historical_features``: ``table`` has item (int64), event_timestamp (UTC) and features,
``examples`` item and event_timestamp. ``online`` times ``get_online_features`` of ``candidates`` random items and one
user, two calls a request: ``items`` and ``users`` have their key (``item``, ``user``; int64) and features.
The repository is new, local, with the registry and the online store that Feast sets up by itself (SQLite).
"""

from __future__ import annotations

import json
import os
import subprocess
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

PYTHON = Path(".venv-feast/bin/python")  # what `make feast` sets up


def run(python: Path, job: str, **options: object) -> dict[str, Any] | None:
    """The result of the job, with Feast's ``version``; None where there is no ``python``."""
    if not python.exists():
        return None
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    quiet = {**os.environ, "FEAST_USAGE": "False", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [python, __file__, job, *words], env=quiet, stdout=subprocess.PIPE, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def repository(folder: Path, tables: dict[str, Path]) -> Any:
    """A store with one view for each key, ``KEY_view``, over a Parquet with event_timestamp; all float features."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float32
    from pyarrow import parquet

    (folder / "feature_store.yaml").write_text(
        "project: peer\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\n"
        "online_store:\n  type: sqlite\n  path: online.db\n"
    )
    store = FeatureStore(str(folder))
    for key, path in tables.items():
        entity = Entity(name=key, join_keys=[key], value_type=ValueType.INT64)
        names = [name for name in parquet.read_schema(path).names if name not in {key, "event_timestamp"}]
        view = FeatureView(
            name=f"{key}_view",
            entities=[entity],
            schema=[Field(name=name, dtype=Float32) for name in names],
            source=FileSource(path=str(path.resolve()), timestamp_field="event_timestamp"),
        )
        store.apply([entity, view])
    return store


def references(store: Any, key: str) -> list[str]:
    return [f"{key}_view:{feature.name}" for feature in store.get_feature_view(f"{key}_view").features]


def historical(options: Namespace, folder: Path) -> dict[str, Any]:
    """Seconds of one retrieval, how many rows it returned, and this process's peak in bytes."""
    import resource

    import pandas

    store = repository(folder, {"item": options.table})
    examples = pandas.read_parquet(options.examples)
    start = perf_counter()
    values = store.get_historical_features(examples, references(store, "item")).to_df()
    seconds = perf_counter() - start
    if options.out:
        values.to_parquet(options.out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "rows": len(values), "peak": peak}


def online(options: Namespace, folder: Path) -> dict[str, Any]:
    """Milliseconds of a request's two reads: median and 99th percentile."""
    import numpy
    import pandas

    tables = {"item": pandas.read_parquet(options.items), "user": pandas.read_parquet(options.users)}
    for key, table in tables.items():
        table["event_timestamp"] = pandas.Timestamp.now(tz="UTC")
        table.to_parquet(folder / f"{key}.parquet")
    store = repository(folder, {key: folder / f"{key}.parquet" for key in tables})
    for key, table in tables.items():
        store.write_to_online_store(f"{key}_view", table)
    wanted = {key: references(store, key) for key in tables}
    rng = numpy.random.default_rng(0)
    spent = []
    for _ in range(options.requests + 3):  # the first three warm up
        items = rng.choice(tables["item"]["item"].to_numpy(), options.candidates, replace=False).tolist()
        user = int(rng.choice(tables["user"]["user"].to_numpy()))
        start = perf_counter()
        answer = store.get_online_features(wanted["item"], [{"item": item} for item in items])
        store.get_online_features(wanted["user"], [{"user": user}])
        spent.append((perf_counter() - start) * 1000)
        assert None not in answer.to_dict()[wanted["item"][0].split(":")[1]], (
            "a value that was written is not there"
        )
    p50, p99 = numpy.quantile(spent[3:], [0.5, 0.99]).tolist()
    return {"p50_ms": p50, "p99_ms": p99, "requests": options.requests}


def main() -> None:
    from importlib.metadata import version

    parser = ArgumentParser(description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    past = jobs.add_parser("historical")
    past.add_argument("--table", type=Path, required=True)
    past.add_argument("--examples", type=Path, required=True)
    past.add_argument("--out", type=Path, help="where the values go, to be compared")
    now = jobs.add_parser("online")
    now.add_argument("--items", type=Path, required=True)
    now.add_argument("--users", type=Path, required=True)
    now.add_argument("--candidates", type=int, default=500)
    now.add_argument("--requests", type=int, default=100)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        result = {"historical": historical, "online": online}[options.job](options, Path(folder))
    print(json.dumps({"version": version("feast"), **result}))


if __name__ == "__main__":
    main()
