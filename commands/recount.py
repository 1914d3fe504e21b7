"""`gapwatch recount`."""

import sys
from collections.abc import Iterable
from datetime import datetime

import click
import msgspec
from kafka.errors import KafkaError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gapwatch.commands.instants import Instant
from gapwatch.commands.language import say
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.maintenance.recount import Correction, Discrepancies, RecountResult
from gapwatch.pipeline.maintenance.recount import recount as compare
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.words.catalogue import gettext_noop

_AGAIN = "GAPWATCH_GROUP=again gapwatch worker"
_WHAT = {
    "lost": gettext_noop("events published and not stored"),
    "stale": gettext_noop("events of which a later version was published"),
    "doubled": gettext_noop("events that stand more than once"),
    "unknown": gettext_noop("events stored that no topic holds"),
    "unaccounted": gettext_noop("records that are neither an event nor a dead letter"),
}


@click.command(epilog="Example: gapwatch recount --from 2026-11-01 --to 2026-11-08 --repair")
@click.option("--from", "start", type=Instant(), help="First day, or instant with offset.")
@click.option("--to", "end", type=Instant(), help="Day or instant to end before.")
@click.option("--repair", is_flag=True, help="Derive the aggregates of the range again first.")
@click.option("--corrections", is_flag=True, help="List every correction: event, fields that differ, both records.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def recount(start: datetime | None, end: datetime | None, repair: bool, corrections: bool, as_json: bool) -> None:
    """Compare the aggregates with an exact recount of the events, and the events with the topics.

    Without --from and --to, the aggregates of all that is stored.
    Every record of the topics is read again. Exit code 1 when anything differs, or when workers have not processed
    everything yet.
    """
    console = Console(stderr=as_json)
    try:
        with console.status(say("counting")):
            result = compare(endpoints().clickhouse, start, end, repair=repair, list_corrections=corrections)
    except KafkaError as error:
        raise StackError("Kafka at {kafka}: {error}", kafka=endpoints().kafka, error=error) from error
    if as_json:
        summary = {"exact": result.exact, "final": result.final}
        click.echo(msgspec.json.encode(summary | msgspec.to_builtins(result)).decode())
    else:
        show(console, result)
    sys.exit(0 if result.exact else 1)


def show(console: Console, result: RecountResult) -> None:
    """Print a recount: the sums by topic, then what differs."""
    console.print(_topics(result))
    if result.corrections:
        console.print(_corrections(result.corrections))
    if result.too_old.count:
        told = say("dead letters of events older than the {days} days kept", days=settings().retention_days)
        _print_found(console, told, result.too_old, "yellow")
    for name, what in _WHAT.items():
        _print_found(console, say(what), getattr(result, name))
    if result.final and (result.lost.count or result.stale.count):
        console.print(
            say(
                "to store them, let workers of another group read the topics again until `gapwatch status` shows no "
                "lag:"
            )
            + f"\n  {_AGAIN}",
            highlight=False,
        )
    for topic, records in result.left.items():
        what = say("records of {topic} left the topic before a worker read them", topic=topic)
        console.print(f"[red]{records:,} {what}[/]", highlight=False)
    for view, found in result.aggregates.items():
        _print_found(console, say("periods of {view} that differ from the events", view=view), found)
    if not result.final:
        behind = ", ".join(f"{topic} {count:,}" for topic, count in result.lag.items() if count)
        unfinished = say("not final: workers have still to process {lag}; count again when they have", lag=behind)
        console.print(f"[yellow]{unfinished}")
    elif result.exact:
        exact = say("exact: every record is accounted for and every aggregate equals its recount")
        console.print(f"[green]{exact}")


def _topics(result: RecountResult) -> Table:
    # Seven columns in eighty characters; where an eighth does not fit, words are broken and nothing is left out.
    table = Table(title=say("published = stored + duplicates + corrections + dead-lettered"), padding=0)
    expired = any(topic.expired for topic in result.topics)
    table.add_column(say("type"), overflow="fold")
    for column in (say("published"), say("stored"), say("duplicates"), say("corrections"), say("dead-lettered")):
        table.add_column(column, justify="right", overflow="fold")
    for column in (*([say("expired")] * expired), say("missing")):
        table.add_column(column, justify="right", overflow="fold")
    for topic in result.topics:
        counts = [topic.published, topic.stored, topic.duplicates, topic.corrections, topic.dead_lettered]
        counts += [topic.expired] * expired
        missing = f"[red]{topic.missing:,}" if topic.missing else "0"
        table.add_row(topic.topic.removesuffix(".events"), *(f"{count:,}" for count in counts), missing)
    return table


def _corrections(corrections: Iterable[Correction]) -> Table:
    table = Table(title=say("corrections: what stands is what was published last"))
    names = (say("type"), say("channel"), say("customer"), "event_id", say("fields"), say("before"), say("after"))
    for name in names:
        table.add_column(name, overflow="fold")
    for one in corrections:
        identity = (one.event_type, one.channel, one.customer_id, one.event_id)
        table.add_row(*map(escape, (*identity, ", ".join(one.fields), one.before, one.after)))
    return table


def _print_found(console: Console, what: str, found: Discrepancies, colour: str = "red") -> None:
    if found.count:
        more = ", ..." if found.count > len(found.examples) else ""
        console.print(f"[{colour}]{found.count:,} {what}:[/] {', '.join(found.examples)}{more}", highlight=False)
