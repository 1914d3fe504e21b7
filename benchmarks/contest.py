"""What the benchmarks with competitors share: their options, the order within a round, and the chart."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from chart import bars
from environments import DIRECTORY

Command = Callable[..., None]


def options(names: Sequence[str]) -> Callable[[Command], Command]:
    """--rounds (`count`), --only, --environments, --out and --chart of a contest among `names`."""
    path: Any = click.Path(path_type=Path)

    def decorate(command: Command) -> Command:
        for option in (
            click.option("--chart", type=path, help="SVG file for the medians."),
            click.option("--out", type=path, help="JSON file for every figure."),
            click.option("--environments", type=path, default=DIRECTORY, show_default=True),
            click.option("--only", multiple=True, type=click.Choice(names), help="Repeatable; all if not given."),
            click.option("--rounds", "count", default=3, show_default=True),
        ):
            command = option(command)
        return command

    return decorate


def in_turn(names: Sequence[str], number: int) -> tuple[str, ...]:
    """All of them, another one first in each round."""
    first = number % len(names)
    return *names[first:], *names[:first]


def drawn(title: str, medians: Mapping[str, Mapping[str, float]], ours: str) -> str:
    """Bars by processor time, which another load on the machine distorts least."""
    rows = [(name, rates["processor"], name == ours) for name, rates in medians.items()]
    return bars(title, sorted(rows, key=lambda row: -row[1]))
