"""`gapwatch reprocess`."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gapwatch.commands.instants import Instant
from gapwatch.commands.language import say
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.maintenance.reprocess import Outcome, Reprocessing
from gapwatch.pipeline.settings import settings


@click.command(epilog="Example: gapwatch reprocess --from 2026-11-01 --to 2026-11-08 --dry-run")
@click.option("--from", "start", type=Instant(), help="First day, or instant with offset.")
@click.option("--to", "end", type=Instant(), help="Day or instant to end before.")
@click.option("--all", "every", is_flag=True, help="Read those again too that the models in force have read.")
@click.option("--dry-run", is_flag=True, help="Say what would be read, change nothing.")
def reprocess(start: datetime | None, end: datetime | None, every: bool, dry_run: bool) -> None:
    """Read stored events again with the models and settings in force; their aggregates follow.

    Without --from and --to, all that is stored. Workers may run meanwhile, and a correction that arrives stands. A run
    that was cut short is finished by running the same again.
    """
    url = endpoints().clickhouse
    from gapwatch.pipeline.language.reader import Reader  # noqa: PLC0415 - the models are loaded only when there is a server

    reader = Reader()
    work = Reprocessing(url, reader, start, end, every=every)
    if dry_run:
        _show_models(work, reader.version)
    else:
        _run(work)
    work.close()


def _show_models(work: Reprocessing, version: str) -> None:
    table = Table(say("read by"), say("events"))
    table.columns[1].justify = "right"
    for model, count in work.models().items():
        table.add_row(say("{model} (in force)", model=model) if model == version else model, f"{count:,}")
    Console().print(table)
    click.echo(say("{count} events would be read again", count=f"{work.to_read():,}"))


def _run(work: Reprocessing) -> None:
    outcome = Outcome()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=work.to_read())
        for day in work.days:
            name = f"{datetime.fromtimestamp(day[0], ZoneInfo(settings().time_zone)):%Y-%m-%d}"
            progress.update(task, description=name)
            try:
                work.run(day, lambda count: progress.advance(task, count), outcome)
            except BaseException:
                click.echo(
                    say(
                        "stopped within {day}; run the same again, --from {day} if with --all",
                        day=name,
                    ),
                    err=True,
                )
                raise
    click.echo(
        say(
            "{read} events read again, {changed} with another sentiment or other gaps",
            read=f"{outcome.read:,}",
            changed=f"{outcome.changed:,}",
        )
    )
    if outcome.failed:
        raise click.ClickException(
            say(
                "{count} events make the reader fail and keep their old reading",
                count=f"{outcome.failed:,}",
            )
        )
