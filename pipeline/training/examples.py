"""Labelled texts from files: one JSON object a line, plain or gzipped."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.errors import GapwatchError
from pipeline.language.reading import Sentiment


class Labelled(Struct, frozen=True):
    """A text and how it feels. Texts of one `source` share their habits: labels are balanced within it."""

    text: str
    label: Sentiment
    source: str = ""


def read_labelled(files: Iterable[Path]) -> list[Labelled]:
    """The examples of files, in order. Raises GapwatchError naming the file and line that cannot be read."""
    return [example for file in files for example in _read(file)]


def _read(file: Path) -> Iterator[Labelled]:
    decoder = msgspec.json.Decoder(Labelled)
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise GapwatchError(
                    f'{file}, line {number}: {error}; expected {{"text", "label": positive|neutral|negative}}'
                ) from None
