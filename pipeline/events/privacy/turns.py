"""A chat is masked once, as one conversation, and cut back into its turns.

Turns that hold a hint of personal data are joined with their neighbours, line by line. Behind them stand the short
turns that may answer a question, each once more behind a cue; what the rules find there is taken out of the turn
itself. So one masking sees all that belongs together, and its cost is linear.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

from gapwatch.pipeline.events.privacy.answers import answers, behind_lead, told_answers
from gapwatch.pipeline.events.privacy.split_numbers import split_numbers
from gapwatch.pipeline.language.masking.folding import Folded, fold
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.masking.prefilter import hints_of
from gapwatch.pipeline.language.masking.spans import Kind, MaskedText, Span

# Between two pieces: nothing personal reaches across a line that says this.
_BREAK = "\n;\n"
# What a token has uncovered may be one itself: a name behind a number that stood alone.
_ROUNDS = 4


class _Piece(NamedTuple):
    """A part of the conversation that is read, as if `cue` stood before it; offsets of the turns joined by lines."""

    cue: str
    start: int
    end: int


def masked_turns(turns: Sequence[tuple[str, str]]) -> list[MaskedText]:
    """The texts of the turns of one conversation without personal data; each is given as (role, text), in order."""
    roles = [role for role, _ in turns]
    texts = [text for _, text in turns]
    for _ in range(_ROUNDS):
        spans, settled = _spans(roles, texts)
        if not spans:
            break
        texts = _cut(texts, spans)
        if settled:
            break
    return [MaskedText(text) for text in texts]


def _spans(roles: Sequence[str], texts: Sequence[str]) -> tuple[list[Span], bool]:
    """What is personal in the joined turns, and whether the rules for texts alone found all of it."""
    starts = [0, *accumulate(len(text) + 1 for text in texts)]
    folds = [fold(text) for text in texts]
    pieces = list(_hinted(texts, folds, starts))
    plain = len(pieces)
    asked: dict[int, set[Kind]] = {}
    told: list[Span] = []
    for turn, kind, cue in answers(texts):
        asked.setdefault(turn, set()).add(kind)
        begin = behind_lead(texts[turn], kind)
        if begin is not None:
            pieces.append(_Piece(cue, starts[turn] + begin, starts[turn] + len(texts[turn])))
        told += (
            Span(kind, starts[turn] + one.start, starts[turn] + one.end) for one in told_answers(texts[turn], kind)
        )
    for kind, fragments in split_numbers(roles, texts, folds, asked):
        told += (Span(kind, starts[part.turn] + part.start, starts[part.turn] + part.end) for part in fragments)
    if not pieces:
        return _merged(told), False
    by_rules: list[Span] = []
    for number, span in _found("\n".join(texts), pieces):
        (by_rules if number < plain else told).append(span)
    if not told:
        return by_rules, True
    merged = _merged([*by_rules, *told])
    return merged, merged == by_rules


def _hinted(texts: Sequence[str], folds: Sequence[Folded], starts: Sequence[int]) -> Iterator[_Piece]:
    """The turns that hold a hint of personal data, each with the next one, and before a number what announces it."""
    hints = [hints_of(folded.text) for folded in folds]
    read = [
        any(here) or (turn > 0 and any(hints[turn - 1])) or (turn + 1 < len(texts) and hints[turn + 1].numbers)
        for turn, here in enumerate(hints)
    ]
    for wanted, turns in groupby(range(len(texts)), key=read.__getitem__):
        if wanted:
            first, *others = turns
            last = others[-1] if others else first
            yield _Piece("", starts[first], starts[last] + len(texts[last]))


def _found(joined: str, pieces: Sequence[_Piece]) -> Iterator[tuple[int, Span]]:
    """What the rules find, by its place in the joined turns, with the number of the piece that it stands in."""
    read: list[str] = []
    begins: list[int] = []
    place = 0
    for piece in pieces:
        read += piece.cue, joined[piece.start : piece.end], _BREAK
        begins.append(place + len(piece.cue))
        place = begins[-1] + piece.end - piece.start + len(_BREAK)
    number = 0
    for span in mask("".join(read)).spans:
        while number + 1 < len(pieces) and begins[number + 1] - len(pieces[number + 1].cue) <= span.start:
            number += 1
        piece, begin = pieces[number], begins[number]
        start, end = max(0, span.start - begin), min(span.end - begin, piece.end - piece.start)
        if begin == piece.start and end == span.end - begin:
            yield number, span
        elif start < end:
            yield number, Span(span.kind, piece.start + start, piece.start + end)


def _merged(spans: Sequence[Span]) -> list[Span]:
    """In order, those that overlap as one; of equal beginnings the longer gives its kind."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            if span.end > last.end:
                merged[-1] = Span(last.kind, last.start, span.end)
        else:
            merged.append(span)
    return merged


def _cut(texts: Sequence[str], spans: Sequence[Span]) -> list[str]:
    """The turns with a token in place of each span; a span over several turns leaves one in each."""
    masked: list[str] = []
    start = 0
    left = iter(spans)
    span = next(left, None)
    for text in texts:
        end = start + len(text)
        pieces: list[str] = []
        place = start
        while span and span.start < end:
            pieces += _piece(text, start, place, span)
            place = max(place, min(span.end, end))
            if span.end > end:
                break
            span = next(left, None)
        while span and span.end <= end + 1:
            span = next(left, None)
        pieces.append(text[place - start :])
        masked.append("".join(pieces) if place > start else text)
        start = end + 1
    return masked


def _piece(text: str, start: int, place: int, span: Span) -> Iterator[str]:
    """What stands before a span in a turn that begins at `start`, and the token of the span."""
    yield text[place - start : max(place, span.start) - start]
    covered = text[max(place, span.start) - start : span.end - start]
    if covered:
        yield f"‹{span.kind}›" if any(map(str.isalnum, covered)) else covered
