"""`gapwatch init`."""

import click

from gapwatch.commands.language import say
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.kafka.topics import ensure_topics
from gapwatch.pipeline.store import migrate


@click.command(epilog="Example: GAPWATCH_PARTITIONS=12 gapwatch init")
def init() -> None:
    """Create the topics and the tables that are missing. What is there stays; many may run this at once."""
    created = ensure_topics()
    applied = migrate(endpoints().clickhouse)
    click.echo(say("topics created: {names}", names=", ".join(created) or say("none")))
    click.echo(say("migrations applied: {names}", names=", ".join(applied) or say("none")))
