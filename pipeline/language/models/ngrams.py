"""Character and word n-grams of many texts at once, as slots of hashed tables, clause after clause.

All texts of a batch stand in one array of folded characters, `PAD` zeros before, between and after them, so that no
n-gram spans two texts and the first and last characters of a text make n-grams of their own. A text of its own is a
batch of one.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled
from gapwatch.pipeline.language.text.clauses import find_clauses

Number = TypeVar("Number", np.uint32, np.int64)
Codes = NDArray[np.uint32]
Integers = NDArray[np.int64]
Spans = Sequence[Sequence[int]]  # start and end of each clause

ORDERS = 4
PAD = ORDERS - 1
KINDS = ORDERS + 2  # characters by one, four, two, three; words; pairs of words
_PADDING = "\0" * PAD
# Odd factors without a pattern: the high bits of a sum of products tell n-grams apart (multiplicative hashing).
_MULTIPLIERS = np.array([2654435761, 2246822519, 3266489917, 668265263], np.uint32)
_OF_LENGTH, _OF_PAIR = np.uint32(374761393), np.uint32(1540483477)


class Layout(NamedTuple):
    """Clauses, words and n-grams of a batch as the compiled functions see them.

    A text without clauses has one, empty, that stands for it; the first clause of a text takes the padding before it,
    which is a word as well. Arrays that number what begins end with where the last ends.
    """

    first: Integers  # number of the first clause of each text
    spans: Integers  # start and end of each clause in its text, a row each
    begins: Integers  # place where each clause begins
    words: Integers  # number of the first word of each clause
    starts: Integers  # place where each word begins
    bounds: Integers  # where the n-grams of each clause begin; within a clause they stand kind after kind
    hashes: Codes
    codes: Codes  # the character at each place


class Batch(NamedTuple):
    """Normalised texts with their words and clauses, and the n-grams of each clause."""

    texts: Sequence[str]
    tokens: Sequence[Sequence[str]]
    spans: Sequence[Spans]
    layout: Layout

    @classmethod
    def of(cls, texts: Sequence[str], cut: Callable[[str], list[str]]) -> "Batch":
        """Cut normalised texts, one at least, into words and clauses and put them side by side."""
        tokens = list(map(cut, texts))
        lengths = _numbers(map(len, texts))
        word_lengths = _numbers(map(len, chain.from_iterable(tokens)))
        if lengths.sum() != word_lengths.sum():
            raise ValueError("the tokens of a text, joined, are not the text")
        layout = Layout(*layout_of(_codes(texts), folding(), lengths, _numbers(map(len, tokens)), word_lengths))
        return cls(texts, tokens, _spans(layout), layout)

    @property
    def size(self) -> int:
        """Number of clauses."""
        return len(self.layout.spans)

    @property
    def first(self) -> Integers:
        """Number of the first clause of each text."""
        return self.layout.first[:-1]

    @property
    def counts(self) -> Integers:
        """Number of clauses of each text."""
        return np.diff(self.layout.first)

    @property
    def lengths(self) -> Integers:
        """Integers of each clause."""
        return np.diff(self.layout.begins)

    def slots(self, bits: int, kinds: int = KINDS) -> Codes:
        """Where the n-grams of the last so many kinds stand in a table of 2**bits slots."""
        return self._of_kinds(self.layout.hashes, kinds) >> np.uint32(32 - bits)

    def clause_of(self, kinds: int = KINDS) -> Integers:
        """The clause of each n-gram of the last so many kinds."""
        return self._of_kinds(np.repeat(np.arange(self.size), np.diff(self.layout.bounds)), kinds)

    def place_of(self) -> Integers:
        """The place where each n-gram begins."""
        return _place_of(self.layout)

    def _of_kinds(self, ngrams: NDArray[Number], kinds: int) -> NDArray[Number]:
        skipped = (KINDS - kinds) * self.lengths
        number = np.arange(len(ngrams)) - np.repeat(self.layout.bounds[:-1] + skipped, np.diff(self.layout.bounds))
        return ngrams[number >= 0]


def word_slots(words: Sequence[str], bits: int) -> Codes:
    """The slot of each word in a table of 2**bits slots."""
    lengths = _numbers(map(len, words))
    ends = (lengths + PAD).cumsum()
    return _word_hashes(_folded(_codes(words), folding()), ends - lengths, lengths) >> np.uint32(32 - bits)


def _spans(layout: Layout) -> list[Spans]:
    """The clauses of each text, without those that stand for texts that have none."""
    spans, first = layout.spans.tolist(), layout.first.tolist()
    return [spans[start:stop] if spans[start][1] else [] for start, stop in pairwise(first)]


def _numbers(numbers: Iterable[int]) -> Integers:
    return np.fromiter(numbers, np.int64)


def encoded(texts: Sequence[str]) -> bytes:
    """The texts side by side, four bytes for each place."""
    return _PADDING.join(["", *texts, ""]).encode("utf-32-le", "surrogatepass")


def _codes(texts: Sequence[str]) -> Codes:
    return np.frombuffer(encoded(texts), np.uint32)


@compiled
def layout_of(
    codes: Codes, folding: Codes, lengths: Integers, word_counts: Integers, word_lengths: Integers
) -> tuple[Any, ...]:
    """What `Layout` holds."""
    folded = _folded(codes, folding)
    first, spans, begins = _clauses(codes, lengths)
    words = np.zeros(len(begins), np.int64)
    starts = np.zeros(len(word_lengths) + len(lengths) + 1, np.int64)
    place = clause = word = cut = 0
    for text in range(len(lengths)):
        starts[word] = place
        words[clause] = word
        word += 1
        place += PAD
        for _ in range(word_counts[text]):
            while clause + 1 < first[text + 1] and begins[clause + 1] <= place:
                clause += 1
                words[clause] = word
            starts[word] = place
            place += word_lengths[cut]
            word += 1
            cut += 1
        while clause + 1 < first[text + 1]:  # the last word reaches over the clauses that begin in it
            clause += 1
            words[clause] = word
        clause += 1
    starts[word], words[clause] = place, word
    bounds = ORDERS * begins + 2 * words
    return first, spans, begins, words, starts, bounds, _hashes(folded, begins, words, starts, bounds), codes


@compiled
def _folded(codes: Codes, folding: Codes) -> Codes:
    folded = codes.copy()
    for place in range(len(folded)):
        if folded[place] < len(folding):
            folded[place] = folding[folded[place]]
    return folded


@compiled
def _clauses(codes: Codes, lengths: Integers) -> tuple[Integers, Integers, Integers]:
    """First clause of each text; start and end of each clause in its text; the place where it begins."""
    first = np.zeros(len(lengths) + 1, np.int64)
    spans = np.zeros((len(codes), 2), np.int64)
    begins = np.zeros(len(codes) + 1, np.int64)
    place = clause = 0
    for text in range(len(lengths)):
        zero = place + PAD
        found = find_clauses(codes, zero, zero + lengths[text])
        count = max(1, len(found))
        if len(found):
            spans[clause : clause + count] = found - zero
            begins[clause : clause + count] = found[:, 0]
        begins[clause] = place
        clause += count
        first[text + 1] = clause
        place = zero + lengths[text]
    begins[clause] = place
    return first, spans[:clause].copy(), begins[: clause + 1].copy()


@compiled
def _hashes(codes: Codes, begins: Integers, words: Integers, starts: Integers, bounds: Integers) -> Codes:
    """The n-grams of each clause, kind after kind."""
    hashes = np.empty(bounds[-1], np.uint32)
    whole = _word_hashes(codes, starts[:-1], np.diff(starts))
    for clause in range(len(begins) - 1):
        length = begins[clause + 1] - begins[clause]
        for at in range(length):
            place = begins[clause] + at
            one = codes[place] * _MULTIPLIERS[0]
            two = one + codes[place + 1] * _MULTIPLIERS[1]
            three = two + codes[place + 2] * _MULTIPLIERS[2]
            four = three + codes[place + 3] * _MULTIPLIERS[3]
            ngram = bounds[clause] + at
            hashes[ngram] = np.uint32(one)
            hashes[ngram + length] = np.uint32(four)
            hashes[ngram + 2 * length] = np.uint32(two)
            hashes[ngram + 3 * length] = np.uint32(three)
        count = words[clause + 1] - words[clause]
        for at in range(count):
            word = words[clause] + at
            # The padding after the last text is the same word as that before the first.
            following = whole[word + 1] if word + 1 < len(whole) else whole[0]
            ngram = bounds[clause] + ORDERS * length + at
            hashes[ngram] = whole[word]
            hashes[ngram + count] = np.uint32(whole[word] * _OF_PAIR + following)
    return hashes


@compiled
def _word_hashes(codes: Codes, starts: Integers, lengths: Integers) -> Codes:
    """A word is its first four characters and its length."""
    hashes = np.empty(len(starts), np.uint32)
    for word in range(len(starts)):
        total = lengths[word] * np.int64(_OF_LENGTH)
        for at in range(min(lengths[word], ORDERS)):
            total += np.int64(codes[starts[word] + at]) * np.int64(_MULTIPLIERS[at])
        hashes[word] = np.uint32(total & 0xFFFFFFFF)
    return hashes


@compiled
def _place_of(layout: Layout) -> Integers:
    """The place where each n-gram begins."""
    places = np.empty(len(layout.hashes), np.int64)
    for clause in range(len(layout.spans)):
        ngram = layout.bounds[clause]
        for _ in range(ORDERS):
            for place in range(layout.begins[clause], layout.begins[clause + 1]):
                places[ngram] = place
                ngram += 1
        for _ in range(2):
            for word in range(layout.words[clause], layout.words[clause + 1]):
                places[ngram] = layout.starts[word]
                ngram += 1
    return places


@cache
def folding() -> Codes:
    """Folded codes of the basic plane: compatibility forms and case are one, every digit is 0, blanks are one."""
    table = np.arange(1 << 16, dtype=np.uint32)
    for start, end in ((1, 0x3400), (0xF900, 0x10000)):
        table[start:end] = [_fold(chr(code)) for code in range(start, end)]
    return table


def _fold(character: str) -> int:
    folded = unicodedata.normalize("NFKC", character).casefold()[:1]
    if folded.isdigit():
        return ord("0")
    return ord(" ") if folded.isspace() or unicodedata.category(folded) == "Cc" else ord(folded)
