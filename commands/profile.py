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
from gapwatch.pipeline.publishing.files.transcript_files import TRANSCRIPT
from gapwatch.pipeline.publishing.files.values import plain
from gapwatch.pipeline.publishing.profiles.application import reading_of
from gapwatch.pipeline.publishing.profiles.cells import text_of
from gapwatch.pipeline.publishing.profiles.column_names import known_names
from gapwatch.pipeline.publishing.profiles.draft import draft, draft_of_transcript
from gapwatch.pipeline.publishing.profiles.guessing import ROWS_LOOKED_AT, guess, unknown_speakers
from gapwatch.pipeline.publishing.profiles.library import load_profile, profile_text, shipped_names
from gapwatch.pipeline.words.catalogue import message

_OF_TRANSCRIPTS = "transcript-files"


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
    if file.suffix.lower() == ".txt" and (unknown := _speakers(file, reading["encoding"])) is not None:
        click.echo(draft_of_transcript(profile_text(_OF_TRANSCRIPTS), unknown, file.name, say), nl=False)
        return
    found = _records(file, Reading(**reading, expected=Expected(known=known_names())))
    if not found:
        raise FileError(message("{name} holds no rows to make a profile from", name=file.name))
    guessed = guess(found)
    guessed.file |= {name: value for name, value in reading.items() if value is not None}
    click.echo(draft(guessed, file.name, say), nl=False)


def _records(file: Path, reading: Reading) -> list[dict[str, Any]]:
    """The first records of a file, with plain values."""
    with opened(file) as stream, contextlib.closing(read_records(stream, file.name, reading, note)) as records:
        filled = itertools.islice((record.fields for record in records if record.fields), ROWS_LOOKED_AT)
        return [{column: plain(value) for column, value in fields.items()} for fields in filled]


def _speakers(file: Path, encoding: str | None) -> list[str] | None:
    """Who is not known to speak, where a text file is a transcript; else None."""
    profile = load_profile(_OF_TRANSCRIPTS)
    read = reading_of(profile, {"encoding": encoding})
    texts = [text_of(record.get(TRANSCRIPT)) for record in _records(file, read)]
    found = [unknown_speakers(text, profile) for text in texts]
    return list(dict.fromkeys(itertools.chain(*filter(None, found)))) if texts and None not in found else None
