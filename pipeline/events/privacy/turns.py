"""A chat is masked once, as one conversation, and cut back into its turns.

The turns are joined, line by line. Behind them stand the short turns that may answer a question, each once more behind
a cue; what the rules find there is taken out of the turn itself. So one masking sees all, and its cost is linear.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from gapwatch.pipeline.events.privacy.answers import Probe, answers, probe_of, whole_answer
from gapwatch.pipeline.events.privacy.split_numbers import split_numbers
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.masking.spans import Kind, MaskedText, Span

# Between the last turn and the first probe: nothing personal reaches across a line that says this.
_BREAK = "\n;\n"
# What a token has uncovered may be one itself: a name behind a number that stood alone.
_ROUNDS = 4


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
    probes: list[Probe] = []
    asked: dict[int, set[Kind]] = {}
    told: list[Span] = []
    for turn, kind, cue in answers(texts):
        asked.setdefault(turn, set()).add(kind)
        if probe := probe_of(turn, texts[turn], kind, cue):
            probes.append(probe)
        if whole := whole_answer(texts[turn], kind):
            told.append(Span(kind, starts[turn] + whole.start, starts[turn] + whole.end))
    for kind, fragments in split_numbers(list(zip(roles, texts, strict=True)), asked):
        told += (Span(kind, starts[part.turn] + part.start, starts[part.turn] + part.end) for part in fragments)
    found, probed = _found(texts, starts, probes)
    merged = _merged([*found, *probed, *told])
    return merged, len(merged) == len(found) and merged == found


def _found(texts: Sequence[str], starts: Sequence[int], probes: Sequence[Probe]) -> tuple[list[Span], list[Span]]:
    """What the rules find in the joined turns, and what they find in the probes, by its place in the joined turns."""
    joined = "\n".join(texts)
    pieces = [joined]
    copies: list[tuple[int, int, int]] = []
    place = len(joined)
    for probe in probes:
        text = texts[probe.turn][probe.start : probe.end]
        begin = place + len(_BREAK) + len(probe.cue)
        copies.append((begin, begin + len(text), starts[probe.turn] + probe.start))
        pieces += _BREAK, probe.cue, text
        place = begin + len(text)
    whole, probed = [], []
    number = 0
    for span in mask("".join(pieces)).spans:
        if span.start < len(joined):
            whole.append(Span(span.kind, span.start, min(span.end, len(joined))))
        while number < len(copies) and copies[number][1] <= span.start:
            number += 1
        if number < len(copies) and copies[number][0] < span.end:
            begin, end, origin = copies[number]
            first, last = max(span.start, begin) - begin, min(span.end, end) - begin
            probed.append(Span(span.kind, origin + first, origin + last))
    return whole, probed


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
