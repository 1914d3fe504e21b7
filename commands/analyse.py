"""`gapwatch analyse`."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import click
import msgspec
from msgspec import Struct
from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from gapwatch.commands.language import named, say
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.language.masking.mask import Masked, mask
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.language.reading import Evidence, Reading
from gapwatch.pipeline.words.names import DIMENSIONS, GAPS, SENTIMENTS, STAGES

_BATCH = 500  # lines read at once: a batch pays from some hundred texts on, and its answers still come soon
_COLOURS = {"positive": "green", "neutral": "yellow", "negative": "red"}


class _Line(Struct):
    id: str | int
    text: str
    rating: int | None = None


@click.command(epilog='Example: gapwatch analyse "物流很快，但是包装破了"')
@click.argument("text", required=False)
@click.option("--jsonl", is_flag=True, help='Read {"id", "text"} lines from standard input, write one line for each.')
@click.option("--mask", "only_mask", is_flag=True, help="Only take personal data out, and tell what stood where.")
def analyse(text: str | None, jsonl: bool, only_mask: bool) -> None:
    """Read a text: sentiment, clauses, gaps and the words that speak for them. The agents run the same code."""
    if jsonl == (text is not None):
        raise click.UsageError(say("give either a TEXT or --jsonl"))
    if only_mask:
        _mask(text, sys.stdin.buffer, sys.stdout.buffer)
    elif text is None:
        _stream(sys.stdin.buffer, sys.stdout.buffer)
    else:
        _show(text)


def _stream(source: BinaryIO, sink: BinaryIO) -> None:
    reader, encoder = Reader(), msgspec.json.Encoder()
    lines = _lines(source)
    while batch := list(islice(lines, _BATCH)):
        masked = [mask(line.text) for line in batch]
        readings = reader.read([one.text for one in masked], [line.rating for line in batch])
        answers = [_answer(*read) for read in zip(batch, masked, readings, strict=True)]
        sink.write(encoder.encode_lines(answers))
        sink.flush()


def _mask(text: str | None, source: BinaryIO, sink: BinaryIO) -> None:
    if text is not None:
        click.echo(mask(text).text)
        return
    encoder = msgspec.json.Encoder()
    for line in _lines(source):
        masked = mask(line.text)
        spans = [(span.start, span.end, span.kind) for span in masked.spans]
        sink.write(encoder.encode({"id": line.id, "text": masked.text, "spans": spans}) + b"\n")
        sink.flush()


def _lines(source: Iterable[bytes]) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    for number, line in enumerate(source, start=1):
        if line.isspace():
            continue
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise GapwatchError(
                'standard input, line {number}: {error}; expected {{"id": ..., "text": ...}}',
                number=number,
                error=error,
            ) from None


def _answer(line: _Line, masked: Masked, reading: Reading) -> dict[str, Any]:
    return {
        "id": line.id,
        "sentiment": reading.sentiment,
        "sentiment_score": round(reading.sentiment_score, 4),
        "gaps": reading.gaps,
        "primary_gap": reading.primary_gap,
        "dimension": reading.dimension,
        "stage": reading.stage,
        "evidence": _evidence_in(line.text, masked, reading.evidence),
    }


def _evidence_in(text: str, masked: Masked, evidence: Iterable[Evidence]) -> list[Evidence]:
    """Evidence of a reading in the words and offsets of the text before it was masked."""
    spans = [(item.gap, *masked.to_input(item.start, item.end)) for item in evidence]
    return [Evidence(gap, text[start:end], start, end) for gap, start, end in spans]


def _show(text: str) -> None:
    reader, masked = Reader(), mask(text)
    (reading,) = reader.read([masked.text])
    console = Console(highlight=False)
    console.print(
        Text.assemble(_label(say("words")), *(_weighed(one.text, one.weight) for one in reader.explain(masked.text)))
    )
    for clause in reading.clauses:
        words = reading.text[clause.start : clause.end]
        console.print(
            Text.assemble(f"{clause.sentiment_score:+.2f}     ", _weighed(words, 2 * clause.sentiment_score)),
            Text(clause.aspect, style="dim"),
        )
    verdict = Text(named(reading.sentiment, SENTIMENTS), style=f"bold {_COLOURS[reading.sentiment]}")
    gaps = ", ".join(named(gap, GAPS) for gap in reading.gaps) or say("none")
    console.print(Text.assemble(_label(say("sentiment")), verdict, f" {reading.sentiment_score:+.2f}"))
    console.print(_label(say("gaps")) + gaps, say("(primary {gap})", gap=named(reading.primary_gap, GAPS)))
    console.print(_label(say("dimension")) + named(reading.dimension, DIMENSIONS))
    console.print(_label(say("stage")) + named(reading.stage, STAGES))
    console.print(_label(say("severity")) + f"{reading.severity:.2f}")
    for item in _evidence_in(text, masked, reading.evidence):
        place = f" {named(item.gap, GAPS)} [{item.start}:{item.end}]"
        console.print(Text.assemble(_label(say("evidence")), Text(item.text, style="reverse"), place))


def _label(name: str) -> str:
    return set_cell_size(name, 10)


def _weighed(words: str, weight: float) -> Text:
    """Words in green or red, the stronger the more they weigh."""
    if abs(weight) < 0.1:
        return Text(f"{words} ", style="dim")
    strong = "bold " if abs(weight) > 0.5 else ""
    return Text(f"{words} ", style=f"{strong}{'green' if weight > 0 else 'red'}")
