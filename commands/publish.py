"""`gapwatch publish` and `gapwatch check`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click

from gapwatch.commands.event_file import file_options, file_rows
from gapwatch.commands.language import say, say_again
from gapwatch.pipeline.publishing.bookmark import Bookmark
from gapwatch.pipeline.publishing.doubtful_ids import DoubtfulIds, Found
from gapwatch.pipeline.publishing.file_check import Checked, check_rows
from gapwatch.pipeline.publishing.file_run import publish_rows
from gapwatch.pipeline.publishing.old_rows import OldRows
from gapwatch.pipeline.publishing.profiles.application import gathers_rows
from gapwatch.pipeline.publishing.publisher import Publisher
from gapwatch.pipeline.publishing.rejects import Rejects
from gapwatch.pipeline.settings import settings
from gapwatch.schemas.events import EventType, topic_of

_REJECTS_SHOWN = 20
_SAMPLE_CHARACTERS = 1_000


@click.command(epilog="Example: gapwatch check feedback reviews.csv --map text=评论内容 --set channel=marketplace")
@file_options
def check(event_type: EventType, file: Path, rejects: TextIO | None, **options: Any) -> None:
    """Say what is wrong with the events of TYPE in FILE (- for standard input); publish nothing."""
    doubtful, old = DoubtfulIds(), OldRows()
    with file_rows(file, event_type, **options) as rows:
        found = Rejects(_teller(), rejects)
        checked = check_rows(event_type, old.watch(doubtful.watch(rows)), found)
    click.echo(
        say(
            "{type}: {valid} valid, {invalid} invalid",
            type=event_type,
            valid=f"{checked.events:,}",
            invalid=f"{found.reasons.total():,}",
        )
    )
    _tell_rejects(found)
    _tell_checked(event_type, checked)
    _tell_doubtful(doubtful)
    _tell_old(old)
    if found.reasons:
        sys.exit(1)


def _tell_checked(event_type: EventType, checked: Checked) -> None:
    click.echo(say("{rows} rows", rows=f"{checked.rows:,}"))
    if event_type == "chat":
        click.echo(say("{conversations} conversations", conversations=f"{checked.conversations:,}"))
    if checked.earliest and checked.latest:
        click.echo(
            say("from {earliest} to {latest}", earliest=checked.earliest.isoformat(), latest=checked.latest.isoformat())
        )
    for sample in checked.samples:
        shown = sample.decode("utf-8", "replace")
        click.echo(shown if len(shown) <= _SAMPLE_CHARACTERS else shown[:_SAMPLE_CHARACTERS] + " …")


@click.command(
    epilog="Example: gapwatch publish feedback reviews.csv --map text=评论内容 --map event_time=时间 "
    "--set channel=app --timezone Asia/Shanghai"
)
@file_options
@click.option("--mask", is_flag=True, help="Mask personal data before anything is sent, with the workers' key.")
@click.option("--skip-invalid", is_flag=True, help="Exit with 0 although rows were rejected.")
@click.option("--resume", is_flag=True, help="Go on after the last line that Kafka acknowledged in an earlier run.")
def publish(
    event_type: EventType,
    file: Path,
    rejects: TextIO | None,
    *,
    mask: bool,
    skip_invalid: bool,
    resume: bool,
    **options: Any,
) -> None:
    """Publish the events of TYPE in FILE (- for standard input).

    Rows that break the contract are listed and left out. A row without event_id gets one made of folder, file name,
    line, content and the constants of --set, so that publishing a file again doubles nothing.
    """
    doubtful, old = DoubtfulIds(), OldRows()
    part = "/".join(options[name] for name in ("member", "sheet", "records") if options[name])
    gathers = options["profile"] is not None and gathers_rows(options["profile"])
    bookmark = _bookmark(file, event_type, part, resume=resume, gathers=gathers)
    found = Rejects(_teller(), rejects)
    try:
        with file_rows(file, event_type, **options) as rows, Publisher(mask=mask) as publisher:
            published = publish_rows(event_type, old.watch(doubtful.watch(rows)), publisher, found, bookmark)
    except BaseException:
        if bookmark and bookmark.line:
            click.echo(say("published up to line {line}; go on with --resume", line=f"{bookmark.line:,}"), err=True)
        raise
    click.echo(
        say(
            "{topic}: {published} published, {rejected} rejected",
            topic=topic_of(event_type),
            published=f"{published:,}",
            rejected=f"{found.reasons.total():,}",
        )
    )
    _tell_rejects(found)
    _tell_doubtful(doubtful)
    _tell_old(old)
    if found.reasons and not skip_invalid:
        sys.exit(1)


def _bookmark(file: Path, event_type: EventType, part: str, *, resume: bool, gathers: bool) -> Bookmark | None:
    if gathers:
        if resume:
            raise click.UsageError(
                say(
                    "conversations gathered from rows cannot be resumed; publish the whole file again: "
                    "none counts twice"
                )
            )
        return None
    if str(file) == "-":
        if resume:
            raise click.UsageError(say("standard input cannot be resumed"))
        return None
    bookmark = Bookmark(file, event_type, settings().data_dir, part)
    if resume:
        bookmark.resume()
        click.echo(say("going on after line {line}", line=f"{bookmark.line:,}"), err=True)
    return bookmark


def _teller() -> Callable[[str], None]:
    """Tells of the first rejects on standard error; the others are in the summary and in --rejects."""
    told = 0

    def tell(line: str) -> None:
        nonlocal told
        told += 1
        if told <= _REJECTS_SHOWN:
            click.echo(say_again(line), err=True)
        elif told == _REJECTS_SHOWN + 1:
            click.echo(say("… more, see --rejects FILE"), err=True)

    return tell


def _tell_doubtful(doubtful: DoubtfulIds) -> None:
    if doubtful.copies.rows:
        told = say("{rows} rows stand in the file before and count once", rows=f"{doubtful.copies.rows:,}")
        _tell_rows(told, doubtful.copies)
    if doubtful.repeated.rows:
        told = say(
            "{rows} rows repeat the event_id of an earlier row with other content; {displacing} of them are of the "
            "same customer and channel, so that the last one stands",
            rows=f"{doubtful.repeated.rows:,}",
            displacing=f"{doubtful.displacing.rows:,}",
        )
        _tell_rows(told, doubtful.repeated)
    if doubtful.shortened.rows:
        told = say(
            "{rows} rows have an event_id that a spreadsheet has shortened, as 4.75E+15; export that column as text",
            rows=f"{doubtful.shortened.rows:,}",
        )
        _tell_rows(told, doubtful.shortened)


def _tell_old(old: OldRows) -> None:
    if old.found.rows:
        told = say(
            "{rows} rows are older than {oldest}, the first day that is kept; workers will set them aside as dead "
            "letters. To keep them, set GAPWATCH_RETENTION_DAYS, at most 3650",
            rows=f"{old.found.rows:,}",
            oldest=f"{old.oldest:%Y-%m-%d}",
        )
        _tell_rows(told, old.found)


def _tell_rows(told: str, found: Found) -> None:
    first = say("first in lines {lines}", lines=", ".join(map(str, found.lines)))
    click.echo(f"{told} ({first})", err=True)


def _tell_rejects(rejects: Rejects) -> None:
    if rejects.skipped:
        click.echo(f"  {rejects.skipped:>9,}  " + say("passed over"))
    for reason, count in rejects.reasons.most_common():
        click.echo(f"  {count:>9,}  {reason}")
