"""The words that speak for a gap: a clause, or of a long clause its heaviest stretch."""

import numpy as np

from gapwatch.pipeline.language.compiled.compiled import compiled
from gapwatch.pipeline.language.models.gaps_model import GAPS, KINDS, SHIFT, Floats, Table, begin_of
from gapwatch.pipeline.language.models.ngrams import PAD, Laid, Places

LONGEST = 24  # characters of evidence; of a longer clause the heaviest stretch
_SHORTEST = 3  # a shorter clause is evidence only where nothing else speaks
_WORD_KINDS = 2
_FIRST_GAP = GAPS.start


@compiled
def find_evidence(laid: Laid, table: Table, speaking: Floats, text: int, gap: int) -> tuple[int, int]:
    """Start and end, in characters of a text, of the words that speak for a gap.

    `speaking` holds what each clause says for each output.
    """
    output = _FIRST_GAP + gap
    clause = _loudest(laid, speaking, text, output)
    start, end = laid.spans[clause]
    if end - start > LONGEST:
        start, end = _heaviest(laid, table, text, clause, output)
    return start, end


@compiled
def _loudest(laid: Laid, speaking: Floats, text: int, output: int) -> int:
    """The clause of a text that speaks most for an output."""
    best, best_is_long = int(laid.first[text]), False
    for clause in range(laid.first[text], laid.first[text + 1]):
        is_long = laid.spans[clause, 1] - laid.spans[clause, 0] >= _SHORTEST
        if is_long and not best_is_long:
            best, best_is_long = clause, True
        elif is_long == best_is_long and speaking[clause, output] > speaking[best, output]:
            best = clause
    return best


@compiled
def _heaviest(laid: Laid, table: Table, text: int, clause: int, output: int) -> tuple[int, int]:
    """Start and end of the whole words of a clause, `LONGEST` characters at most, that speak most for an output."""
    said = _said(laid, table, clause, output)
    begin = laid.begins[clause]
    zero = laid.begins[laid.first[text]] + PAD  # where the first character of the text stands
    start, end = laid.spans[clause] + zero
    starts, word = laid.starts, laid.words[clause]
    while starts[word] < start:
        word += 1
    until = word
    best = np.int64(-(1 << 62))
    found_start, found_end = start, start + LONGEST
    while starts[word] < end:
        while starts[until] < end and starts[until + 1] <= min(end, starts[word] + LONGEST):
            until += 1
        weight = said[starts[until] - begin] - said[starts[word] - begin]
        if until > word and weight > best:
            best, found_start, found_end = weight, starts[word], starts[until]
        word += 1
        until = max(until, word)
    return found_start - zero, found_end - zero


@compiled
def _said(laid: Laid, table: Table, clause: int, output: int) -> Places:
    """What the n-grams that begin before each place of a clause say for an output."""
    begin = laid.begins[clause]
    length = laid.begins[clause + 1] - begin
    rows, weights, hashes, starts = table.rows, table.weights, laid.hashes, laid.starts
    said = np.zeros(length + 1, np.int64)
    ngram = begin_of(laid, clause)
    for _ in range(KINDS - _WORD_KINDS):
        for at in range(length):
            said[at + 1] += weights[rows[hashes[ngram] >> SHIFT], output]
            ngram += 1
    for _ in range(_WORD_KINDS):
        for word in range(laid.words[clause], laid.words[clause + 1]):
            said[starts[word] - begin + 1] += weights[rows[hashes[ngram] >> SHIFT], output]
            ngram += 1
    return said.cumsum()
