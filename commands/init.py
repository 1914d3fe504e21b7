"""`gapwatch init`."""

import click

from gapwatch.commands.language import say
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.kafka.retention import change_retention, retention_changes
from gapwatch.pipeline.kafka.topics import ensure_topics
from gapwatch.pipeline.store import migrate


@click.command(epilog="Example: GAPWATCH_PARTITIONS=12 gapwatch init")
@click.option("--shorten", is_flag=True, help="Also have topics keep records for a shorter time.")
def init(*, shorten: bool) -> None:
    """Create the topics and the tables that are missing. What is there stays; many may run this at once.

    Topics that exist keep their records as long as the settings say. What removes records needs --shorten.
    """
    created = ensure_topics()
    applied = migrate(endpoints().clickhouse)
    click.echo(say("topics created: {names}", names=", ".join(created) or say("none")))
    click.echo(say("migrations applied: {names}", names=", ".join(applied) or say("none")))
    _set_retention(shorten=shorten)


def _set_retention(*, shorten: bool) -> None:
    changes = retention_changes()
    change_retention([change for change in changes if shorten or not change.shortens])
    for change in changes:
        told = {"topic": change.topic, "days": f"{change.days:g}", "wanted": change.wanted}
        if shorten or not change.shortens:
            click.echo(say("{topic} kept records for {days} days and keeps them for {wanted}", **told))
        else:
            click.echo(say("{topic} keeps records for {days} days, the settings say {wanted}: init --shorten", **told))
