"""`gapwatch alerts`."""

from datetime import UTC, datetime, timedelta

import click

from gapwatch.commands.language import say
from gapwatch.commands.stopping import stopped_by_signals
from gapwatch.pipeline import logs
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import GapwatchError, SettingsError
from gapwatch.pipeline.settings import Settings, settings
from gapwatch.pipeline.store import ClickHouse


@click.group()
def alerts() -> None:
    """Tell people what opened, escalated and recovered."""


@alerts.command(epilog="Example: gapwatch alerts run --dry-run")
@click.option("--once", is_flag=True, help="Deliver what is there, then stop; fails when something was not delivered.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent of the last day, and to whom; send nothing.")
def run(once: bool, dry_run: bool) -> None:
    """Send alerts to the targets of GAPWATCH_ALERT_TARGETS, each once, until stopped. Several may run at once."""
    in_force = settings()
    logs.configure(in_force)
    if dry_run:
        _preview(in_force)
    else:
        _deliver(in_force, once=once)


def _preview(in_force: Settings) -> None:
    from gapwatch.pipeline.alerts.deliveries import Deliveries  # noqa: PLC0415
    from gapwatch.pipeline.alerts.message import Writer  # noqa: PLC0415
    from gapwatch.pipeline.alerts.targets import for_severity, targets_of  # noqa: PLC0415
    from gapwatch.pipeline.signals.signal_table import SignalTable  # noqa: PLC0415

    clickhouse = ClickHouse(endpoints().clickhouse)
    deliveries, targets = Deliveries(clickhouse), targets_of(in_force.alert_targets)
    writer = Writer(in_force.locale, in_force.time_zone, in_force.dashboard_url)
    since = datetime.now(UTC) - timedelta(hours=in_force.alert_max_age_hours)
    for change in SignalTable(clickhouse).changes(since):
        message = writer.write(change, deliveries.quotes(change) if change.state != "recovered" else [])
        waiting = {target.name for target in for_severity(targets, change.severity)} - deliveries.done(change)
        click.secho(say("--- to {targets}", targets=", ".join(sorted(waiting)) or say("nobody")), dim=True)
        click.echo(f"{message.title}\n{message.body}\n")


def _deliver(in_force: Settings, *, once: bool) -> None:
    from gapwatch.pipeline.alerts.courier import Courier  # noqa: PLC0415
    from gapwatch.pipeline.alerts.deliveries import Deliveries  # noqa: PLC0415
    from gapwatch.pipeline.alerts.message import Writer  # noqa: PLC0415
    from gapwatch.pipeline.alerts.signal_consumer import SignalConsumer  # noqa: PLC0415
    from gapwatch.pipeline.alerts.targets import targets_of  # noqa: PLC0415
    from gapwatch.pipeline.kafka.topics import SIGNALS_TOPIC, ensure_topics  # noqa: PLC0415

    targets = targets_of(in_force.alert_targets)
    if not targets:
        raise SettingsError('GAPWATCH_ALERT_TARGETS is empty; example: {"warning": ["dingtalk://SECRET@TOKEN"]}')
    ensure_topics([SIGNALS_TOPIC])
    courier = Courier(
        Deliveries(ClickHouse(endpoints().clickhouse)),
        Writer(in_force.locale, in_force.time_zone, in_force.dashboard_url),
        targets,
        max_age=timedelta(hours=in_force.alert_max_age_hours),
        clock=lambda: datetime.now(UTC),
    )
    consumer = SignalConsumer(courier, f"{in_force.group}-alerts")
    stopping = stopped_by_signals()
    try:
        if not once:
            consumer.run(stopping)
        elif left := consumer.catch_up(stopping):
            raise GapwatchError(
                say(
                    "{count} alerts were not delivered; the log says why, and the next run tries again",
                    count=left,
                )
            )
    finally:
        consumer.close()
