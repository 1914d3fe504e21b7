"""The words that speak for a gap: a clause, or of a long clause its heaviest stretch."""

import numpy as np

from gapwatch.pipeline.language.compiled.decorators import compiled
from gapwatch.pipeline.language.models.gaps_model import GAPS, KINDS, SHIFT, Floats, Table, begin_of
from gapwatch.pipeline.language.models.ngrams import PAD, Integers, Layout

LONGEST = 24  # characters of evidence; of a longer clause the heaviest stretch
_SHORTEST = 3  # a shorter clause is evidence only where nothing else speaks
_WORD_KINDS = 2
_FIRST_GAP = GAPS.start


@compiled
def find_evidence(layout: Layout, table: Table, contributions: Floats, text: int, gap: int) -> tuple[int, int]:
    """Start and end, in characters of a text, of the words that speak for a gap.

    `contributions` holds what each clause adds to each output.
    """
    output = _FIRST_GAP + gap
    clause = _strongest_clause(layout, contributions, text, output)
    start, end = layout.spans[clause]
    if end - start > LONGEST:
        start, end = _strongest_stretch(layout, table, text, clause, output)
    return start, end


@compiled
def _strongest_clause(layout: Layout, contributions: Floats, text: int, output: int) -> int:
    """The clause of a text that speaks most for an output."""
    best, best_is_long = int(layout.first[text]), False
    for clause in range(layout.first[text], layout.first[text + 1]):
        is_long = layout.spans[clause, 1] - layout.spans[clause, 0] >= _SHORTEST
        if is_long and not best_is_long:
            best, best_is_long = clause, True
        elif is_long == best_is_long and contributions[clause, output] > contributions[best, output]:
            best = clause
    return best


@compiled
def _strongest_stretch(layout: Layout, table: Table, text: int, clause: int, output: int) -> tuple[int, int]:
    """Start and end of the whole words of a clause, `LONGEST` characters at most, that speak most for an output."""
    before = _weights_before(layout, table, clause, output)
    begin = layout.begins[clause]
    zero = layout.begins[layout.first[text]] + PAD  # where the first character of the text stands
    start, end = layout.spans[clause] + zero
    starts, word = layout.starts, layout.words[clause]
    while starts[word] < start:
        word += 1
    until = word
    best = np.int64(-(1 << 62))
    found_start, found_end = start, start + LONGEST
    while starts[word] < end:
        while starts[until] < end and starts[until + 1] <= min(end, starts[word] + LONGEST):
            until += 1
        weight = before[starts[until] - begin] - before[starts[word] - begin]
        if until > word and weight > best:
            best, found_start, found_end = weight, starts[word], starts[until]
        word += 1
        until = max(until, word)
    return found_start - zero, found_end - zero


@compiled
def _weights_before(layout: Layout, table: Table, clause: int, output: int) -> Integers:
    """What the n-grams that begin before each place of a clause say for an output."""
    begin = layout.begins[clause]
    length = layout.begins[clause + 1] - begin
    rows, weights, hashes, starts = table.rows, table.weights, layout.hashes, layout.starts
    before = np.zeros(length + 1, np.int64)
    ngram = begin_of(layout, clause)
    for _ in range(KINDS - _WORD_KINDS):
        for at in range(length):
            before[at + 1] += weights[rows[hashes[ngram] >> SHIFT], output]
            ngram += 1
    for _ in range(_WORD_KINDS):
        for word in range(layout.words[clause], layout.words[clause + 1]):
            before[starts[word] - begin + 1] += weights[rows[hashes[ngram] >> SHIFT], output]
            ngram += 1
    return before.cumsum()
