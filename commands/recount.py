"""`gapwatch recount`."""

import sys
from datetime import datetime

import click
import msgspec
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from gapwatch.commands.instants import Instant
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.maintenance.recount import Discrepancies, RecountResult
from gapwatch.pipeline.maintenance.recount import recount as compare

_WHAT = {
    "lost": "events published and not stored",
    "stale": "events of which a later version was published",
    "doubled": "events that stand more than once",
    "unknown": "events stored that no topic holds",
    "unaccounted": "records that are neither an event nor a dead letter",
}


@click.command(epilog="Example: gapwatch recount --from 2026-11-01 --to 2026-11-08 --repair")
@click.option("--from", "start", type=Instant(), help="First day, or instant with offset.")
@click.option("--to", "end", type=Instant(), help="Day or instant to end before.")
@click.option("--repair", is_flag=True, help="Derive the aggregates of the range again first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def recount(start: datetime | None, end: datetime | None, repair: bool, as_json: bool) -> None:
    """Compare the aggregates with an exact recount of the events, and the events with the topics.

    Without --from and --to, the aggregates of all that is stored.
    Every record of the topics is read again. Exit code 1 when anything differs, or when workers have not processed
    everything yet.
    """
    console = Console(stderr=as_json)
    try:
        with console.status("counting"):
            result = compare(endpoints().clickhouse, start, end, repair=repair)
    except KafkaError as error:
        raise StackError(f"Kafka at {endpoints().kafka}: {error}") from error
    if as_json:
        summary = {"exact": result.exact, "final": result.final}
        click.echo(msgspec.json.encode(summary | msgspec.to_builtins(result)).decode())
    else:
        show(console, result)
    sys.exit(0 if result.exact else 1)


def show(console: Console, result: RecountResult) -> None:
    """Print a recount: the sums by topic, then what differs."""
    console.print(_topics(result))
    for name, what in _WHAT.items():
        _print_found(console, what, getattr(result, name))
    if result.final and (result.lost.count or result.stale.count):
        console.print(
            "to store them, let workers of another group read the topics again until `gapwatch status` shows no lag:\n"
            "  GAPWATCH_GROUP=again gapwatch worker",
            highlight=False,
        )
    for view, found in result.aggregates.items():
        _print_found(console, f"periods of {view} that differ from the events", found)
    if not result.final:
        behind = ", ".join(f"{topic} {count:,}" for topic, count in result.lag.items() if count)
        console.print(f"[yellow]not final: workers have still to process {behind}; count again when they have")
    elif result.exact:
        console.print("[green]exact: every record is accounted for and every aggregate equals its recount")


def _topics(result: RecountResult) -> Table:
    table = Table(title="published = stored + duplicates + dead-lettered")
    expired = any(topic.expired for topic in result.topics)
    for column in ("topic", "published", "stored", "duplicates", "dead-lettered", *(["expired"] * expired), "missing"):
        table.add_column(column, justify="left" if column == "topic" else "right")
    for topic in result.topics:
        counts = [topic.published, topic.stored, topic.duplicates, topic.dead_lettered, *([topic.expired] * expired)]
        missing = f"[red]{topic.missing:,}" if topic.missing else "0"
        table.add_row(topic.topic, *(f"{count:,}" for count in counts), missing)
    return table


def _print_found(console: Console, what: str, found: Discrepancies) -> None:
    if found.count:
        more = ", ..." if found.count > len(found.examples) else ""
        console.print(f"[red]{found.count:,} {what}:[/] {', '.join(found.examples)}{more}", highlight=False)
