"""`gapwatch signals`."""

from datetime import UTC, datetime, timedelta

import click
from rich.cells import set_cell_size

from gapwatch.commands.language import called, say
from gapwatch.commands.stopping import stopped_by_signals
from gapwatch.pipeline import logs
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.signals.runner import Runner, minutes
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.words.names import SEVERITIES, STATES

_INSTANT = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def signals() -> None:
    """Watch every series for what gets worse."""


@signals.command(epilog="Example: gapwatch signals run --from 2026-11-01T00:00 --to 2026-11-02T00:00 --every 5")
@click.option("--once", is_flag=True, help="Evaluate the last whole minute and stop.")
@click.option("--from", "first", type=_INSTANT, help="Evaluate past minutes from here on (UTC), then stop.")
@click.option("--to", "last", type=_INSTANT, help="Last minute to evaluate (UTC); now, if not given.")
@click.option("--every", type=click.IntRange(1, 60), default=1, show_default=True, help="Minutes between those.")
def run(once: bool, first: datetime | None, last: datetime | None, every: int) -> None:
    """Evaluate all series every minute, write the table `signals`, publish changes to the topic `signals`.

    A minute that was evaluated before keeps its verdicts. Any number of these may run at once.
    """
    if last and not first:
        raise click.UsageError(say("--to needs --from"))
    logs.configure(settings())
    runner = Runner(endpoints().clickhouse)
    try:
        if once:
            _show(runner.once(datetime.now(UTC)))
        elif first:
            until = last.replace(tzinfo=UTC) if last else datetime.now(UTC)
            for minute in minutes(first.replace(tzinfo=UTC), until, timedelta(minutes=every)):
                _show([one for one in runner.once(minute) if one.state != "ongoing"])
        else:
            runner.run(stopped_by_signals())
    finally:
        runner.close()


def _show(found: list[Signal]) -> None:
    for one in found:
        state = set_cell_size(called(one.state, STATES), 9)
        severity = set_cell_size(called(one.severity, SEVERITIES), 8)
        figures = say(
            "index {index}, usually {usual}, {events} of {voices} voices",
            index=f"{one.gap_index:.1f}",
            usual=f"{one.expected_index:.1f}",
            events=one.events,
            voices=one.voices,
        )
        click.echo(f"{one.minute:%Y-%m-%d %H:%M} {state} {severity} {one.series.key} {figures}")
