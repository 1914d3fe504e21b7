"""`gapwatch dead-letters list | show | replay`."""

import heapq
import re
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from gapwatch.commands.language import say
from gapwatch.commands.terminal import for_terminal
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.dead_letter import StoredDeadLetter
from gapwatch.pipeline.events.privacy.shown import shown_key, shown_record
from gapwatch.pipeline.hosting.audit import note
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.maintenance.replay import Outcome, Selection, find_letter, read_letters, read_marks
from gapwatch.pipeline.maintenance.replay import replay as replay_letters
from gapwatch.pipeline.words.catalogue import gettext_noop
from gapwatch.schemas.dead_letters import Reason
from gapwatch.schemas.events import EVENT_TYPES

_SHOWN_CHARACTERS = 2_000
_OBSTACLES: dict[Outcome, str] = {
    "already replayed": gettext_noop("already replayed"),
    "replayed too often": gettext_noop("replayed too often"),
    "without a value": gettext_noop("without a value"),
    "of unknown origin": gettext_noop("of unknown origin"),
}
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class _Time(click.ParamType):
    """An RFC 3339 time, or how long ago: 30m, 12h, 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if ago := re.fullmatch(r"(\d{1,5})([mhd])", str(value)):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(say("{value} is no time; examples: 2026-11-22T10:00:00+08:00, 12h, 7d", value=value), param, ctx)
        if time.tzinfo is None:
            self.fail(say("{value} has no offset; an example: 2026-11-22T10:00:00+08:00", value=value), param, ctx)
        return time


def _selection(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in (
        click.option("--until", type=_Time(), help="Given up before."),
        click.option("--since", type=_Time(), help="Given up at or after: a time, or 30m, 12h, 7d ago."),
        click.option(
            "--reason",
            "reasons",
            type=click.Choice([reason.value for reason in Reason]),
            multiple=True,
            help="Any of these reasons.",
        ),
        click.option(
            "--type", "event_types", type=click.Choice(list(EVENT_TYPES)), multiple=True, help="Any of these."
        ),
    ):
        command = decorate(command)
    return command


@click.group(epilog="Example: gapwatch dead-letters list --since 1d")
def dead_letters() -> None:
    """List, show and replay the records that could not be read."""


@dead_letters.command("list", epilog="Example: gapwatch dead-letters list --reason unknown_channel --since 12h")
@_selection
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="How many of the latest to list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, all of them, for scripts.")
def list_letters(*, limit: int, as_json: bool, **selection: Any) -> None:
    """Count dead letters by reason and list the latest."""
    marks = read_marks()
    letters = read_letters(Selection(**selection))
    if as_json:
        for letter in letters:
            click.echo(msgspec.json.encode(_summary(letter, marks)))
        return
    counts: Counter[tuple[str, str]] = Counter()
    replayed: Counter[tuple[str, str]] = Counter()
    latest: list[tuple[int, str, StoredDeadLetter]] = []
    for letter in letters:
        kind = letter.name.partition("/")[0], letter.reason
        counts[kind] += 1
        replayed[kind] += letter.mark in marks
        heapq.heappush(latest, (letter.record.timestamp, letter.name, letter))
        if len(latest) > limit:
            heapq.heappop(latest)
    _print_counts(counts, replayed)
    _print_letters([letter for *_, letter in sorted(latest)], marks)


def _summary(letter: StoredDeadLetter, marks: set[bytes]) -> dict[str, Any]:
    told = letter._asdict() | {"detail": mask(letter.detail).text}
    del told["record"]
    told = {field: for_terminal(value) if isinstance(value, str) else value for field, value in told.items()}
    return {"name": letter.name, **told, "replayed": letter.mark in marks}


def _print_counts(counts: Counter[tuple[str, str]], replayed: Counter[tuple[str, str]]) -> None:
    click.echo(
        say(
            "{count} dead letters, {replayed} of them replayed",
            count=f"{counts.total():,}",
            replayed=f"{replayed.total():,}",
        )
    )
    if not counts:
        return
    table = Table(say("type"), say("reason"), say("count"), say("replayed"))
    for kind, count in counts.most_common():
        table.add_row(*map(for_terminal, kind), f"{count:,}", f"{replayed[kind]:,}")
    _console().print(table)


def _print_letters(letters: list[StoredDeadLetter], marks: set[bytes]) -> None:
    if not letters:
        return
    table = Table(
        say("name"),
        say("given up at"),
        say("reason"),
        say("detail"),
        "",
        title=say("the latest {count}", count=len(letters)),
        title_justify="left",
    )
    for letter in letters:
        table.add_row(
            letter.name,
            *map(for_terminal, (letter.failed_at, letter.reason, mask(letter.detail).text)),
            say("replayed") if letter.mark in marks else "",
        )
    _console().print(table)


def _console() -> Console:
    # A pipe has no width of its own; details must not be folded into it.
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 200)


@dead_letters.command(epilog="Example: gapwatch dead-letters show feedback/0/17")
@click.argument("name")
@click.option("--raw", is_flag=True, help="Write the record's bytes, unmasked, and nothing else.")
def show(name: str, *, raw: bool) -> None:
    """Show one dead letter, NAME as `list` calls it; personal data are masked.

    Who asks for the raw bytes is noted in audit.jsonl of the data directory.
    """
    letter = _found(name)
    if raw:
        note("dead-letters show --raw", letter.name)
        click.get_binary_stream("stdout").write(letter.record.value or b"")
        return
    for field, value in _summary(letter, read_marks()).items():
        click.echo(f"{field.replace('_', ' ')}: {value}")
    click.echo(f"key: {_readable(letter.record.key, shown_key)}")
    click.echo(f"value: {_readable(letter.record.value, shown_record)}")


def _found(name: str) -> StoredDeadLetter:
    letter = find_letter(name)
    if letter is None:
        raise GapwatchError(say("there is no dead letter {name}; gapwatch dead-letters list names them", name=name))
    return letter


def _readable(data: bytes | None, shown: Callable[[str], str]) -> str:
    """The text of some bytes, as `shown` masks it, with nothing in it that a terminal obeys."""
    if data is None:
        return "(null)"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return say("({size} bytes that are not UTF-8; --raw writes them)", size=f"{len(data):,}")
    masked = for_terminal(shown(text))
    if len(masked) <= _SHOWN_CHARACTERS:
        return masked
    return say("{text}… ({size} bytes)", text=masked[:_SHOWN_CHARACTERS], size=f"{len(data):,}")


@dead_letters.command(epilog="Example: gapwatch dead-letters replay --reason time_in_future --since 2d --dry-run")
@click.argument("names", nargs=-1)
@_selection
@click.option("--all", "everything", is_flag=True, help="All of them, where nothing else narrows it down.")
@click.option("--again", is_flag=True, help="Also those that have been replayed.")
@click.option("--dry-run", is_flag=True, help="Say what would be replayed; send nothing.")
def replay(names: tuple[str, ...], *, everything: bool, again: bool, dry_run: bool, **selection: Any) -> None:
    """Send dead letters back to the topics they came from: those in NAMES, or those that the options choose.

    Each is replayed once, with its original time. What still cannot be read becomes a dead letter again.
    """
    if not (names or everything or any(selection.values())):
        raise click.UsageError(
            say("name dead letters, choose them by --type, --reason, --since or --until, or say --all")
        )
    letters = map(_found, names) if names else read_letters(Selection(**selection))
    outcomes = replay_letters(letters, again=again, dry_run=dry_run)
    done = say("would be replayed") if dry_run else say("replayed")
    click.echo(f"{done}: {outcomes.pop('replayed', 0):,}")
    for obstacle, count in outcomes.most_common():
        click.echo(say("left out, {obstacle}: {count}", obstacle=say(_OBSTACLES[obstacle]), count=f"{count:,}"))
