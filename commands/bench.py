"""`gapwatch bench`."""

import os
import sys
from pathlib import Path

import click

from gapwatch.pipeline.errors import GapwatchError

BENCHMARKS = {
    "path": "Kafka to ClickHouse, beside five stream processors, and as the tutorials write it",
    "transport": "records to a consumer that does nothing, beside stock Faust, Quix Streams and Bytewax",
    "cost": "cost per event and memory of a worker, by the number of events",
    "latency": "from publication to the aggregate, at 10, 50 and 90 % of the capacity measured",
    "profiling": "where a worker's processor time goes, by stage and thread, with a flame graph",
    "dashboard_queries": "every panel of the dashboards over a year of aggregates",
    "capacity": "what an event costs each part, what minutes, hours and days cost to derive",
    "store": "storing and deriving on ClickHouse",
    "aggregates": "how much smaller than the events the aggregates are",
    "reading": "texts a second, and where the microseconds go",
    "masking": "precision and recall of masking",
    "gateway": "events over HTTP: batches a second, and how long single events wait",
    "signals": "false alarms and delay of the detector",
}
_FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
_LISTED = "\n".join(f"  {name:20}{what}" for name, what in BENCHMARKS.items())


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Example: gapwatch bench path --rounds 3. Options of a benchmark: gapwatch bench path -- --help",
    help=f"Run one of the repository's benchmarks, with its own options.\n\n\b\n{_LISTED}",
)
@click.argument("name", type=click.Choice(list(BENCHMARKS)), metavar="NAME")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(name: str, arguments: tuple[str, ...]) -> None:
    script = _FOLDER / f"{name}.py"
    if not script.exists():
        raise GapwatchError(
            "benchmarks come with the repository, not with the package: clone it, run make test once, "
            "then .venv/bin/gapwatch bench"
        )
    os.execv(sys.executable, [sys.executable, str(script), *arguments])  # noqa: S606 - whatever signal comes, it gets it
