"""`gapwatch up`, `gapwatch down`, `gapwatch status`."""

import json
import sys

import click
from rich.console import Console
from rich.progress import Progress

from pipeline.endpoints import Endpoints, endpoints, masked
from pipeline.errors import StackError
from pipeline.settings import settings
from pipeline.stack import LocalStack


@click.command(epilog="Example: GAPWATCH_DATA_DIR=/srv/gapwatch gapwatch up")
@click.option("--brokers", type=click.IntRange(1, 5), help="Kafka brokers of a new stack; remembered. Default 1.")
def up(brokers: int | None) -> None:
    """Start the local Kafka and ClickHouse and leave them running.

    Nothing is started where GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE name servers.
    """
    if _uses_named_servers():
        click.echo("GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE name the servers; nothing to start")
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("local stack", total=None)

        def show(what: str, share: float) -> None:
            bar.update(task, description=what, total=None if share < 0 else 1.0, completed=max(share, 0.0))

        LocalStack(settings().data_dir, brokers, progress=show).up()
    found = endpoints()
    click.echo(f"Kafka       {found.kafka}\nClickHouse  {masked(found.clickhouse)}")


@click.command(epilog="Example: gapwatch down")
def down() -> None:
    """Stop the local Kafka and ClickHouse. The data stay."""
    LocalStack(settings().data_dir).down()


@click.command(epilog="Example: gapwatch status --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the password in the ClickHouse URL.")
def status(as_json: bool) -> None:
    """Endpoints, whether they answer, lag and last write. Exit code 1 when not running."""
    report = _report()
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        for name, value in report.items():
            click.echo(f"{name:12}{masked(str(value)) if name == 'clickhouse' else value}")
    sys.exit(0 if report["running"] else 1)


def _uses_named_servers() -> bool:
    return settings().kafka is not None and settings().clickhouse is not None


def _report() -> dict[str, object]:
    try:
        found: Endpoints | None = endpoints()
    except StackError:
        found = None
    return {
        "kafka": found.kafka if found else None,
        "clickhouse": found.clickhouse if found else None,
        "running": found is not None,
    }
