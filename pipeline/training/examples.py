"""Labelled texts from files: one JSON object a line, plain or gzipped."""

import gzip
import tomllib
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.language.models.gaps_lexicon import expand
from gapwatch.pipeline.language.reading import Sentiment

OWN = "own"  # the source of our own sentences that tell what is matter-of-fact
OWN_OPINIONS = "own, opinions"  # of those that tell what is good and bad
_OF_A_PATTERN = 60
_CONVERSATIONS = 800


class Labelled(Struct, frozen=True):
    """A text and its sentiment. Texts of one `source` share their habits: labels are balanced within it."""

    text: str
    label: Sentiment
    source: str = ""


def read_labelled(files: Iterable[Path]) -> list[Labelled]:
    """The examples of files, in order. Raises GapwatchError naming the file and line that cannot be read."""
    return [example for file in files for example in _read(file)]


def own_sentences() -> list[Labelled]:
    """What `sentences.toml` makes: sentences, and conversations of several, which complain if one of them does."""
    patterns = tomllib.loads(
        resources.files("gapwatch.pipeline.training").joinpath("sentences.toml").read_text("utf-8")
    )
    plain, complaining, praise, blame = (_drawn(patterns[kind]) for kind in ("neutral", "negative", "praise", "blame"))
    draw = Random(0)  # noqa: S311 - the same every time is what is wanted
    asked = ["\n".join(draw.choices(plain, k=draw.randint(2, 8))) for _ in range(_CONVERSATIONS)]
    complained = ["\n".join(_shuffled(draw, plain, complaining)) for _ in range(_CONVERSATIONS // 2)]
    return [
        *(Labelled(text, "neutral", OWN) for text in plain + asked),
        *(Labelled(text, "negative", OWN) for text in complaining + complained),
        *(Labelled(text, "positive", OWN_OPINIONS) for text in praise),
        *(Labelled(text, "negative", OWN_OPINIONS) for text in blame),
    ]


def _shuffled(draw: Random, plain: list[str], complaining: list[str]) -> list[str]:
    said = draw.choices(plain, k=draw.randint(1, 5)) + draw.choices(complaining, k=draw.randint(1, 2))
    draw.shuffle(said)
    return said


def _drawn(patterns: str) -> list[str]:
    """Of each pattern so many sentences at most, evenly drawn."""
    written = [list(expand(pattern)) for pattern in patterns.split()]
    return [
        sentences[len(sentences) * place // count]
        for sentences in written
        for count in [min(len(sentences), _OF_A_PATTERN)]
        for place in range(count)
    ]


def _read(file: Path) -> Iterator[Labelled]:
    decoder = msgspec.json.Decoder(Labelled)
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise GapwatchError(
                    '{file}, line {number}: {error}; expected {{"text", "label": positive|neutral|negative}}',
                    file=file,
                    number=number,
                    error=error,
                ) from None
