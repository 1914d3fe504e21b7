"""`gapwatch profile`: what says how an export becomes events."""

import contextlib
import itertools
from pathlib import Path
from typing import Any

import click

from gapwatch.commands.event_file import note, opened
from gapwatch.commands.language import say
from gapwatch.pipeline.publishing.files.file_reader import read_records
from gapwatch.pipeline.publishing.files.record import Expected, FileError, Reading
from gapwatch.pipeline.publishing.files.values import plain
from gapwatch.pipeline.publishing.profiles.draft import draft
from gapwatch.pipeline.publishing.profiles.guessing import ROWS_LOOKED_AT, guess, known_names
from gapwatch.pipeline.publishing.profiles.library import load_profile, profile_text, shipped_names
from gapwatch.pipeline.words.catalogue import message


@click.group()
def profile() -> None:
    """How exports of others become events: see the profiles that there are, make one of your own."""


@profile.command("list")
def list_profiles() -> None:
    """List the profiles that come with gapwatch."""
    names = shipped_names()
    width = max(map(len, names))
    for name in names:
        found = load_profile(name)
        click.echo(f"{name:{width}}  {found.type:9}  {found.about}")


@profile.command()
@click.argument("name", metavar="NAME|FILE")
def show(name: str) -> None:
    """Print a profile, once it is found to have no faults."""
    load_profile(name)
    click.echo(profile_text(name), nl=False)


@profile.command("new")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--encoding", help="utf-8, gb18030, … Unless given: found out.")
@click.option("--sheet", metavar="NAME", help="Of a workbook. Unless given: the one with the columns.")
@click.option("--member", metavar="NAME", help="The file within an archive that holds several.")
@click.option("--header-row", type=click.IntRange(1), help="The line that names the columns. Unless given: found out.")
@click.option("--records", metavar="PATH", help="Where the list of records stands in JSON, as data.items.")
def new_profile(file: Path, **reading: Any) -> None:
    """Print a first profile for FILE: what its columns probably mean, and what is left to decide."""
    expected = Expected(known=known_names())
    with opened(file) as stream:
        read = read_records(stream, file.name, Reading(**reading, expected=expected), note)
        with contextlib.closing(read) as records:
            found = [record.fields for record in itertools.islice(records, ROWS_LOOKED_AT) if record.fields]
    if not found:
        raise FileError(message("{name} holds no rows to make a profile from", name=file.name))
    cells = [{column: plain(value) for column, value in fields.items()} for fields in found]
    guessed = guess(cells)
    guessed.file |= {name: value for name, value in reading.items() if value is not None}
    click.echo(draft(guessed, file.name, say), nl=False)
