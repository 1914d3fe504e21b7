"""The options of commands that read files of events, and the rows that come of them."""

import contextlib
import difflib
import functools
import io
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gapwatch.commands.language import say, say_again
from gapwatch.pipeline.publishing.files.encodings import SAMPLE_BYTES
from gapwatch.pipeline.publishing.files.file_reader import read_records
from gapwatch.pipeline.publishing.files.record import FileFormat, Reading
from gapwatch.pipeline.publishing.files.shape import Row, Shape
from gapwatch.pipeline.publishing.profiles.application import Application, reading_of, with_options
from gapwatch.pipeline.publishing.profiles.library import load_profile
from gapwatch.pipeline.publishing.profiles.profile import Profile
from gapwatch.schemas.events import EVENT_TYPES, EventType

_ROWS_PER_STEP = 200
_TYPE_AND_FILE = 2
# How alike two names are of which one is a slip of the other, from 0 to 1.
_A_SLIP = 0.75


class _Assignment(click.ParamType):
    """NAME=VALUE."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, separator, assigned = str(value).partition("=")
        if not (name and separator and assigned):
            self.fail(say("{value} is not of the form NAME=VALUE", value=value), param, ctx)
        return name, assigned


class _Timezone(click.ParamType):
    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(say("{value} is no time zone; an example: Asia/Shanghai", value=value), param, ctx)


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    command = _with_profile(command)
    for decorate in reversed(
        (
            click.argument("target", metavar="[TYPE] FILE", nargs=-1, required=True, callback=_target),
            click.option(
                "--profile",
                metavar="NAME|FILE",
                help="How an export becomes events: one of `gapwatch profile list`, or a TOML file.",
            ),
            click.option(
                "--format",
                "file_format",
                type=click.Choice(get_args(FileFormat)),
                help="Unless given: found out.",
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
            click.option(
                "--leave-out",
                "left_out",
                multiple=True,
                metavar="COLUMN",
                help="A column that is not to become an attribute.",
            ),
            click.option(
                "--header-row", type=click.IntRange(1), help="The line that names the columns. Unless given: found out."
            ),
            click.option("--sheet", metavar="NAME", help="Of a workbook. Unless given: the one with the columns."),
            click.option("--member", metavar="NAME", help="The file within an archive that holds several."),
            click.option("--records", metavar="PATH", help="Where the list of records stands in JSON, as data.items."),
            click.option("--timezone", type=_Timezone(), help="Of times without offset, such as Asia/Shanghai."),
            click.option(
                "--rejects", type=click.File("w", encoding="utf-8"), help="Write invalid rows here, as JSON Lines."
            ),
        )
    ):
        command = decorate(command)
    return command


def _target(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[EventType | None, Path]:
    """The type, where it is given, and the file."""
    if len(given) > _TYPE_AND_FILE:
        raise click.UsageError(say("one file at a time: {files}", files=" ".join(given)))
    *types, file = given
    kind = click.Choice(list(EVENT_TYPES))
    path = click.Path(exists=True, dir_okay=False, allow_dash=True).convert(file, param, ctx)
    return next((kind.convert(one, param, ctx) for one in types), None), Path(str(path))


def _with_profile(command: Callable[..., None]) -> Callable[..., None]:
    """The command, called with type, file and profile. The type is the profile's where none is given."""

    @functools.wraps(command)
    def called(*, target: tuple[EventType | None, Path], profile: str | None, **options: Any) -> None:
        given, file = target
        loaded = load_profile(profile) if profile else None
        if given is None and loaded is None:
            known = ", ".join(EVENT_TYPES)
            raise click.UsageError(say("name the TYPE of the events ({known}), or a --profile that does", known=known))
        if given and loaded and given != loaded.type:
            raise click.UsageError(
                say("the profile makes events of the type {type}, not {given}", type=loaded.type, given=given)
            )
        command(event_type=loaded.type if loaded else given, file=file, profile=loaded, **options)

    return called


@contextlib.contextmanager
def file_rows(
    file: Path,
    event_type: EventType,
    *,
    profile: Profile | None,
    columns: tuple[tuple[str, str], ...],
    constants: tuple[tuple[str, str], ...],
    left_out: tuple[str, ...],
    timezone: ZoneInfo | None,
    **reading: Any,
) -> Iterator[Iterator[Row]]:
    """The events of a file as the options say, `reading` being those of how it is read.

    Raises FileError when it cannot be read as told.
    """
    _check_columns(event_type, columns, left_out)
    _doubt_constants(event_type, constants)
    name = _name(file)
    rows: Callable[..., Iterator[Row]]
    if profile:
        profile = with_options(profile, dict(columns), dict(constants), left_out, timezone)
        read, rows = reading_of(profile, reading), functools.partial(Application(profile).rows, tell=note)
    else:
        shape = Shape(event_type, dict(columns), dict(constants), timezone, frozenset(left_out))
        read, rows = Reading(**reading, expected=shape.expected()), shape.rows
    size = None if str(file) == "-" else file.stat().st_size
    with (
        opened(file) as stream,
        contextlib.closing(read_records(stream, name, read, note)) as records,
        contextlib.closing(_with_progress(rows(records, name), stream, size)) as watched,
    ):
        yield watched


def note(found: str) -> None:
    """Say what was found out about a file."""
    click.echo(say_again(found), err=True)


def _doubt_constants(event_type: EventType, constants: tuple[tuple[str, str], ...]) -> None:
    """Say which names of --set are nearly those of fields: they become attributes, which may be a slip."""
    fields = EVENT_TYPES[event_type].__struct_fields__
    for name, _ in constants:
        if name not in fields and (meant := difflib.get_close_matches(name, fields, 1, _A_SLIP)):
            note(
                say(
                    "--set: {name} is no field and becomes an attribute; did you mean {meant}?",
                    name=name,
                    meant=meant[0],
                )
            )


def _check_columns(event_type: EventType, columns: tuple[tuple[str, str], ...], left_out: tuple[str, ...]) -> None:
    """Raises click.UsageError when --map names no field of the type, one field or one column twice, or one left out."""
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
    if both := {column for _, column in columns} & set(left_out):
        raise click.UsageError(say("--leave-out names {names}, which --map needs", names=", ".join(sorted(both))))
    for names in zip(*columns, strict=True):
        if twice := {name for name in names if names.count(name) > 1}:
            raise click.UsageError(
                say("--map names {names} twice; one column becomes one field", names=", ".join(sorted(twice)))
            )


def _name(file: Path) -> str:
    """A file by its name and its folder's, so that files of one name in two folders hold different events."""
    return "-" if str(file) == "-" else "/".join(file.resolve().parts[-2:])


def opened(file: Path) -> "contextlib.AbstractContextManager[io.BufferedReader[Any]]":
    if str(file) == "-":
        return contextlib.nullcontext(sys.stdin.buffer)  # type: ignore[arg-type]
    return io.BufferedReader(io.FileIO(file), SAMPLE_BYTES)


def _with_progress(rows: Iterator[Row], stream: "io.BufferedReader[Any]", size: int | None) -> Generator[Row]:
    """The rows, with a bar on standard error while a person looks on."""
    columns = (TextColumn("{task.fields[rows]:,} " + say("rows")), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=size, rows=0)
        for number, row in enumerate(rows, 1):
            if number % _ROWS_PER_STEP == 0:
                position = stream.raw.tell() if size is not None else None
                progress.update(task, completed=position, rows=number)
            yield row
