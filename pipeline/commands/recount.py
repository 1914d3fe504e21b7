"""`gapwatch recount`."""

import sys
from datetime import datetime

import click
from msgspec.json import encode
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.endpoints import endpoints
from pipeline.store import Recount
from pipeline.store import recount as count_again

_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%z"])
_MEANINGS = {
    "lost": "published events that are not stored",
    "stale": "stored events of which a later version was published",
    "doubled": "events that stand more than once",
    "unknown": "stored events that no topic holds",
    "unaccounted": "records that are neither an event nor a dead letter",
}


@click.command(epilog="Example: gapwatch recount --from 2026-03-01 --to 2026-03-08")
@click.option(
    "--from", "start", type=_TIME, help="Compare the aggregates from here. Unless given: from the first event."
)
@click.option("--to", "end", type=_TIME, help="To here. Unless given: to the last event.")
@click.option("--repair", is_flag=True, help="Derive the aggregates of the range again first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def recount(start: datetime | None, end: datetime | None, repair: bool, as_json: bool) -> None:
    """Compare the topics with the stored events, and the aggregates with an exact recount of them.

    Exit code 1 on any difference, and while records wait to be processed, since then the count is not final.
    """
    counted = count_again(endpoints().clickhouse, start, end, repair=repair)
    if as_json:
        click.echo(encode({**_fields(counted), "exact": counted.exact}))
    else:
        Console().print(shown(counted))
    sys.exit(0 if counted.exact else 1)


def shown(counted: Recount) -> RenderableType:
    """The recount for people: what became of each topic's records, and every difference by name."""
    table = Table(title="Recount: published = stored + duplicates + dead-lettered", title_justify="left")
    table.add_column("topic")
    for name in ("published", "stored", "duplicates", "dead-lettered", "expired", "missing"):
        table.add_column(name, justify="right")
    for topic in counted.topics:
        numbers = (topic.published, topic.stored, topic.duplicates, topic.dead_lettered, topic.expired, topic.missing)
        table.add_row(topic.topic, *(f"{number:,}" for number in numbers))
    return Group(table, *_differences(counted), _verdict(counted))


def _differences(counted: Recount) -> list[Text]:
    found = {meaning: getattr(counted, name) for name, meaning in _MEANINGS.items()}
    found |= {f"periods of {table} that differ": one for table, one in counted.aggregates.items()}
    return [
        Text(f"{one.count:,} {what}: {', '.join(one.examples)}", style="red")
        for what, one in found.items()
        if one.count
    ]


def _verdict(counted: Recount) -> Text:
    if not counted.final:
        waiting = ", ".join(f"{lag:,} in {topic}" for topic, lag in counted.lag.items() if lag)
        return Text(f"not final: records wait to be processed, {waiting}", style="yellow")
    if counted.differs:
        return Text("the numbers do not add up", style="bold red")
    return Text(
        f"exact: every record is accounted for, and {', '.join(counted.aggregates)} equal the recount", style="green"
    )


def _fields(counted: Recount) -> dict[str, object]:
    return {name: getattr(counted, name) for name in counted.__struct_fields__}
