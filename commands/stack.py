"""`gapwatch up`, `gapwatch down`, `gapwatch status`."""

import json
import logging
import sys
from typing import Any

import click
from rich.cells import set_cell_size
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gapwatch.commands.language import say, say_again
from gapwatch.pipeline.endpoints import endpoints, masked
from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.stack import LocalStack


@click.command(epilog="Example: GAPWATCH_DATA_DIR=/srv/gapwatch gapwatch up")
@click.option("--brokers", type=click.IntRange(1, 5), help="Kafka brokers of a new stack, 1 by default; remembered.")
def up(brokers: int | None) -> None:
    """Start the local Kafka and ClickHouse and leave them running.

    Nothing is started where GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE name servers of yours.
    """
    if _servers_are_named():
        click.echo(say("GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE name your servers; there is nothing to start"))
        return
    with _bar() as bar:
        task = bar.add_task(say("looking at what runs"), total=None)

        def show(what: str, share: float | None) -> None:
            bar.update(task, description=say(what), total=None if share is None else 1, completed=share or 0)

        LocalStack(settings().data_dir, brokers, progress=show).up()
    found = endpoints()
    click.echo(f"Kafka       {found.kafka}\nClickHouse  {masked(found.clickhouse)}")


@click.command(epilog="Example: gapwatch down")
def down() -> None:
    """Stop the local Kafka and ClickHouse. The data stay."""
    stack = LocalStack(settings().data_dir)
    click.echo(say("stopped") if stack.down() else say("nothing ran in {folder}", folder=stack.data_dir))


@click.command(epilog="Example: gapwatch status --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; its ClickHouse URL has the password in it.")
def status(as_json: bool) -> None:
    """Endpoints, whether they answer, lag, what was lost and last write. Exit code 1 when one does not answer."""
    report = _report()
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        _print(report)
    sys.exit(0 if report["running"] else 1)


def _servers_are_named() -> bool:
    named = [settings().kafka is not None, settings().clickhouse is not None]
    if any(named) and not all(named):
        raise SettingsError("set both GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE, or neither: the local stack is both")
    return all(named)


def _bar() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _report() -> dict[str, Any]:
    report: dict[str, Any] = {"kafka": None, "clickhouse": None, "running": False}
    if not _servers_are_named():
        stack = LocalStack(settings().data_dir)
        services = [service._asdict() for service in stack.status()]
        report |= {"data_dir": str(stack.data_dir), "services": services}
        if all(service["pid"] is None for service in services):
            return report
    from gapwatch.pipeline.maintenance.health import examine  # noqa: PLC0415 - clients that `gapwatch down` need not wait for

    logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)  # the report says it in a line
    found = endpoints()
    health = examine(found)
    return report | {
        "kafka": found.kafka,
        "clickhouse": found.clickhouse,
        "running": not health.problems,
        "lag": health.lag,
        "lost": health.lost,
        "last_write": health.last_write and health.last_write.isoformat(),
        "problems": health.problems,
    }


def _print(report: dict[str, Any]) -> None:
    if report["kafka"] is None:
        click.echo(say("nothing runs in {folder}; start it with: gapwatch up", folder=report["data_dir"]))
        return
    click.echo(f"Kafka       {report['kafka']}\nClickHouse  {masked(report['clickhouse'])}")
    for service in report.get("services", ()):
        state = say("answers") if service["running"] else say("does not answer")
        process = say("process {id}, log {log}", id=service["pid"] or "-", log=service["log"])
        click.echo(f"{service['name']:12}{state}, {process}")
    lag = ", ".join(f"{topic} {records:,}" for topic, records in report["lag"].items())
    _print_line(say("Lag"), lag or say("no topics yet"))
    _print_line(say("Last write"), report["last_write"] or say("none yet"))
    for topic, records in report["lost"].items():
        gone = say("records of {topic} left the topic before a worker read them", topic=topic)
        click.secho(f"{records:,} {gone}", fg="red")
    for problem in report["problems"]:
        click.secho(say_again(problem), fg="red")


def _print_line(label: str, value: str) -> None:
    click.echo(f"{set_cell_size(label, 12)}{value}")
