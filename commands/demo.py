"""`gapwatch demo`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.decode import Rejected, decode
from gapwatch.pipeline.publishing.files.file_reader import read_records
from gapwatch.pipeline.publishing.files.record import Reading
from gapwatch.pipeline.publishing.files.shape import Shape
from gapwatch.pipeline.settings import settings
from gapwatch.schemas.events import EVENT_TYPES, AnyEvent, EventType


@click.command(epilog="Example: gapwatch demo --events 100000 --keep")
@click.option("--events", type=click.IntRange(100), default=20_000, show_default=True, help="How many to publish.")
@click.option("--seed", default=7, show_default=True, help="Another seed, another two weeks.")
@click.option(
    "--input",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own events instead, JSON Lines or CSV with the contract's field names.",
)
@click.option("--type", "event_type", type=click.Choice(list(EVENT_TYPES)), default="feedback", show_default=True)
@click.option("--keep", is_flag=True, help="Leave Kafka and ClickHouse running afterwards, to look further.")
def demo(events: int, seed: int, file: Path | None, event_type: EventType, keep: bool) -> None:
    """Run the whole pipeline on this machine with real reviews, then count everything again.

    Starts a real Kafka and a real ClickHouse, publishes two weeks of customer voices, reads and stores them with a
    worker, and shows what a manager would want to know. Exit code 1 if a single event is lost or counted twice.
    """
    from gapwatch.commands.demonstration.run import DemoOptions, run  # noqa: PLC0415 - keeps `--help` quick

    own = _events_of(file, event_type) if file else []
    exact = run(Console(), DemoOptions(events, seed, own, keep))
    sys.exit(0 if exact else 1)


def _events_of(file: Path, event_type: EventType) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    with file.open("rb") as stream:
        shape = Shape(event_type)
        records = read_records(stream, file.name, Reading(expected=shape.expected()), lambda _: None)
        for row in shape.rows(records, file.name):
            if row.skipped:
                continue
            try:
                if row.fault:
                    raise row.fault
                events.append(decode(event_type, row.value))
            except Rejected as rejected:
                raise GapwatchError(
                    "{file}, line {line}: {reason}: {detail}; see all of them with: gapwatch check {event_type} {file}",
                    file=file,
                    line=row.line,
                    reason=rejected.reason,
                    detail=rejected.detail,
                    event_type=event_type,
                ) from None
    if not events:
        raise GapwatchError("{file} holds no events", file=file)
    _check_age(file, events)
    return events


def _check_age(file: Path, events: Sequence[AnyEvent]) -> None:
    """Of what the retention removes no aggregate is made, and the demo would wait for it in vain."""
    from gapwatch.pipeline.store.aggregates import oldest_derived  # noqa: PLC0415 - keeps `--help` quick

    old = sum(event.event_time.timestamp() < oldest_derived() for event in events)
    if old:
        raise GapwatchError(
            "{file}: {old:,} of {all:,} events are older than the {days} days that are kept; set "
            "GAPWATCH_RETENTION_DAYS, at most 3650",
            file=file,
            old=old,
            all=len(events),
            days=settings().retention_days,
        )
