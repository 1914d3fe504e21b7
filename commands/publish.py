"""`gapwatch publish` and `gapwatch check`."""

import contextlib
import difflib
import io
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gapwatch.commands.language import say
from gapwatch.pipeline.publishing.event_files import SAMPLE_BYTES, FileFormat, Row, Shape, read_events
from gapwatch.pipeline.publishing.file_run import (
    Bookmark,
    DoubtfulIds,
    Rejects,
    check_rows,
    publish_rows,
    required_fields,
)
from gapwatch.pipeline.publishing.publisher import Publisher
from gapwatch.pipeline.settings import settings
from gapwatch.schemas.events import EVENT_TYPES, EventType, topic_of

_REJECTS_SHOWN = 20
_ROWS_PER_STEP = 200


class _Assignment(click.ParamType):
    """NAME=VALUE."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, separator, assigned = str(value).partition("=")
        if not (name and separator and assigned):
            self.fail(f"{value} is not of the form NAME=VALUE", param, ctx)
        return name, assigned


class _Timezone(click.ParamType):
    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value} is no time zone; an example: Asia/Shanghai", param, ctx)


def _file_options(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in reversed(
        (
            click.argument("event_type", metavar="TYPE", type=click.Choice(list(EVENT_TYPES))),
            click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)),
            click.option(
                "--format",
                "file_format",
                type=click.Choice(["jsonl", "csv"]),
                help="Unless given: csv for .csv and .tsv, else jsonl.",
            ),
            click.option("--encoding", help="utf-8, gb18030, … Unless given: found out."),
            click.option(
                "--map",
                "columns",
                type=_Assignment(),
                multiple=True,
                help="FIELD=COLUMN: which column holds a field. Other columns become attributes.",
            ),
            click.option(
                "--set",
                "constants",
                type=_Assignment(),
                multiple=True,
                help="FIELD=VALUE for events that have no such field.",
            ),
            click.option("--timezone", type=_Timezone(), help="Of times without offset, such as Asia/Shanghai."),
            click.option(
                "--rejects", type=click.File("w", encoding="utf-8"), help="Write invalid rows here, as JSON Lines."
            ),
        )
    ):
        command = decorate(command)
    return command


@click.command(epilog="Example: gapwatch check feedback reviews.csv --map text=评论内容 --set channel=marketplace")
@_file_options
def check(event_type: EventType, file: Path, rejects: TextIO | None, **options: Any) -> None:
    """Say what is wrong with the events of TYPE in FILE (- for standard input); publish nothing."""
    doubtful = DoubtfulIds()
    with _rows(file, event_type, **options) as rows:
        found = Rejects(_teller(), rejects)
        valid = check_rows(event_type, doubtful.watch(rows), found)
    click.echo(
        say(
            "{type}: {valid} valid, {invalid} invalid",
            type=event_type,
            valid=f"{valid:,}",
            invalid=f"{found.reasons.total():,}",
        )
    )
    _tell_doubtful(doubtful)
    _finish(found, fail=True)


@click.command(
    epilog="Example: gapwatch publish feedback reviews.csv --map text=评论内容 --map event_time=时间 "
    "--set channel=app --timezone Asia/Shanghai"
)
@_file_options
@click.option("--skip-invalid", is_flag=True, help="Exit with 0 although rows were rejected.")
@click.option("--resume", is_flag=True, help="Go on after the last line that Kafka acknowledged in an earlier run.")
def publish(
    event_type: EventType, file: Path, rejects: TextIO | None, *, skip_invalid: bool, resume: bool, **options: Any
) -> None:
    """Publish the events of TYPE in FILE (- for standard input).

    Rows that break the contract are listed and left out. A row without event_id gets one made of folder, file name,
    line, content and the constants of --set, so that publishing a file again doubles nothing.
    """
    doubtful = DoubtfulIds()
    bookmark = _bookmark(file, event_type, resume=resume)
    found = Rejects(_teller(), rejects)
    try:
        with _rows(file, event_type, **options) as rows, Publisher() as publisher:
            published = publish_rows(event_type, doubtful.watch(rows), publisher, found, bookmark)
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
    _tell_doubtful(doubtful)
    _finish(found, fail=not skip_invalid)


def _bookmark(file: Path, event_type: EventType, *, resume: bool) -> Bookmark | None:
    if str(file) == "-":
        if resume:
            raise click.UsageError(say("standard input cannot be resumed"))
        return None
    bookmark = Bookmark(file, event_type, settings().data_dir)
    if resume:
        bookmark.resume()
        click.echo(say("going on after line {line}", line=f"{bookmark.line:,}"), err=True)
    return bookmark


@contextlib.contextmanager
def _rows(
    file: Path,
    event_type: EventType,
    *,
    file_format: FileFormat | None,
    encoding: str | None,
    columns: tuple[tuple[str, str], ...],
    constants: tuple[tuple[str, str], ...],
    timezone: ZoneInfo | None,
) -> Iterator[Iterator[Row]]:
    _check_columns(event_type, columns)
    shape = Shape(dict(columns), dict(constants), timezone, required_fields(event_type))
    kind = file_format or ("csv" if file.suffix.lower() in {".csv", ".tsv"} else "jsonl")
    size = None if str(file) == "-" else file.stat().st_size
    with (
        _opened(file) as stream,
        contextlib.closing(read_events(stream, kind, _name(file), shape, encoding)) as rows,
        contextlib.closing(_with_progress(rows, stream, size)) as watched,
    ):
        yield watched


def _check_columns(event_type: EventType, columns: tuple[tuple[str, str], ...]) -> None:
    """Raises click.UsageError when --map names no field of the type, or one field or one column twice."""
    fields = EVENT_TYPES[event_type].__struct_fields__
    for field, _ in columns:
        if field not in fields:
            meant = difflib.get_close_matches(field, fields, 1, 0)
            raise click.UsageError(
                say(
                    "--map: {type} has no field {field}; did you mean {meant}? Its fields: {fields}",
                    type=event_type,
                    field=field,
                    meant=meant[0],
                    fields=", ".join(fields),
                )
            )
    for names in zip(*columns, strict=True):
        if twice := {name for name in names if names.count(name) > 1}:
            raise click.UsageError(
                say("--map names {names} twice; one column becomes one field", names=", ".join(sorted(twice)))
            )


def _name(file: Path) -> str:
    """A file by its name and its folder's, so that files of one name in two folders hold different events."""
    return "-" if str(file) == "-" else "/".join(file.resolve().parts[-2:])


def _opened(file: Path) -> "contextlib.AbstractContextManager[io.BufferedReader[Any]]":
    if str(file) == "-":
        return contextlib.nullcontext(sys.stdin.buffer)  # type: ignore[arg-type]
    return io.BufferedReader(io.FileIO(file), SAMPLE_BYTES)


def _with_progress(rows: Iterator[Row], stream: "io.BufferedReader[Any]", size: int | None) -> Generator[Row]:
    """The rows, with a bar on standard error while a person looks on."""
    columns = (TextColumn("{task.fields[rows]:,} rows"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=size, rows=0)
        for number, row in enumerate(rows, 1):
            if number % _ROWS_PER_STEP == 0:
                position = stream.raw.tell() if size is not None else None
                progress.update(task, completed=position, rows=number)
            yield row


def _teller() -> Callable[[str], None]:
    """Tells of the first rejects on standard error; the others are in the summary and in --rejects."""
    told = 0

    def tell(line: str) -> None:
        nonlocal told
        told += 1
        if told <= _REJECTS_SHOWN:
            click.echo(line, err=True)
        elif told == _REJECTS_SHOWN + 1:
            click.echo(say("… more, see --rejects FILE"), err=True)

    return tell


def _tell_doubtful(doubtful: DoubtfulIds) -> None:
    if doubtful.repeated:
        told = say(
            "{rows} rows repeat the event_id of an earlier row with other content; the last one will stand "
            "(first in lines {lines})",
            rows=f"{doubtful.repeated:,}",
            lines=", ".join(map(str, doubtful.repeated_lines)),
        )
        click.echo(told, err=True)
    if doubtful.shortened:
        told = say(
            "{rows} rows have an event_id that a spreadsheet has shortened, as 4.75E+15; export that column as text "
            "(first in lines {lines})",
            rows=f"{doubtful.shortened:,}",
            lines=", ".join(map(str, doubtful.shortened_lines)),
        )
        click.echo(told, err=True)


def _finish(rejects: Rejects, *, fail: bool) -> None:
    for reason, count in rejects.reasons.most_common():
        click.echo(f"  {count:>9,}  {reason}")
    if rejects.reasons and fail:
        sys.exit(1)
