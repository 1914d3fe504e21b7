"""Character and word n-grams of many texts at once, as slots of one hashed table.

All texts of a batch stand in one array of folded characters, with `PAD` zeros around each, so that no n-gram spans two
texts and the first and last characters of a text make n-grams of their own.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Places = NDArray[np.intp]

ORDERS = 4
PAD = ORDERS - 1
_PADDING = "\0" * PAD
_ROLL = np.uint32(16777619)  # FNV's prime
_SPREAD = np.uint32(2654435761)  # Knuth's multiplicative hash
_SALTS = [np.uint32(salt) for salt in (*range(1, ORDERS + 1), 101, 102)]  # tell the kinds of n-grams apart


class Grams(NamedTuple):
    """The n-grams of a batch, kind after kind: characters by one to `ORDERS`, words, pairs of words.

    Those of characters begin at place 0, 1, ...; those of words at `starts`. `hashes[kinds[k]]` are those of kind k.
    """

    hashes: Codes
    kinds: list[slice]
    starts: Places

    def slots(self, bits: int) -> Codes:
        """Where the n-grams stand in a table of 2**bits slots."""
        return self.hashes >> np.uint32(32 - bits)


class Batch(NamedTuple):
    """Texts side by side: `codes[starts[k]:ends[k]]` are the folded characters of text `k`."""

    codes: Codes
    starts: Places
    ends: Places


def lay(texts: Sequence[str]) -> Batch:
    """Put texts side by side. A lone surrogate counts as a character like any other."""
    joined = f"{_PADDING}{_PADDING.join(texts)}{_PADDING}"
    codes = _folding().take(np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32))
    lengths = np.fromiter(map(len, texts), np.intp, len(texts))
    ends = (lengths + PAD).cumsum()
    return Batch(codes, ends - lengths, ends)


def character_hashes(batch: Batch) -> list[Codes]:
    """Hashes of the 1-, 2-, ... `ORDERS`-grams that begin at each place; order n lacks the last n - 1 places."""
    codes = batch.codes
    hashes = [codes * _SPREAD]
    for order in range(1, ORDERS):
        hashes.append((hashes[-1][:-1] * _ROLL) ^ codes[order:])
    return hashes


def word_places(tokens: Sequence[Sequence[str]]) -> tuple[Places, Places]:
    """Start and length of each token of the batch, in order. The tokens of a text, joined, are the text."""
    lengths = np.fromiter(map(len, chain.from_iterable(tokens)), np.intp)
    starts = lengths.cumsum() - lengths
    if len(tokens) == 1:
        return starts + PAD, lengths
    counts = np.fromiter(map(len, tokens), np.intp, len(tokens))
    return starts + np.repeat(PAD * np.arange(1, len(tokens) + 1), counts), lengths


def word_hashes(grams: list[Codes], starts: Places, lengths: Places) -> Codes:
    """Hash of each token: of its first two and last two characters and its length."""
    singles, pairs = grams[0], grams[1]
    whole = pairs.take(starts) * _ROLL
    whole ^= pairs.take(starts + np.maximum(lengths, 2) - 2)
    hashes: Codes = np.where(lengths == 1, singles.take(starts), whole)
    hashes += lengths.astype(np.uint32) * _SPREAD
    return hashes


def grams(batch: Batch, tokens: Sequence[Sequence[str]]) -> Grams:
    """All n-grams of a batch."""
    characters = character_hashes(batch)
    starts, lengths = word_places(tokens)
    words = word_hashes(characters, starts, lengths)
    kinds = [*characters, words, (words * _ROLL) ^ _next_words(words, tokens)]
    ends = list(accumulate(map(len, kinds)))
    salted = np.concatenate([kind ^ salt for kind, salt in zip(kinds, _SALTS, strict=True)])
    salted *= _SPREAD
    return Grams(salted, [slice(end - len(kind), end) for kind, end in zip(kinds, ends, strict=True)], starts)


def _next_words(words: Codes, tokens: Sequence[Sequence[str]]) -> Codes:
    """The word after each word; 0 after the last of a text."""
    following = np.zeros_like(words)
    following[:-1] = words[1:]
    if len(tokens) > 1:
        ends = np.fromiter(accumulate(map(len, tokens)), np.intp, len(tokens))
        following[ends[ends > 0] - 1] = 0
    return following


def clause_begins(batch: Batch, clauses: Sequence[Sequence[tuple[int, int]]]) -> Places:
    """Place where each clause begins; what stands before the first clause of a text belongs to it."""
    begins = [
        start + (span[0] if index else -PAD)
        for start, spans in zip(batch.starts.tolist(), clauses, strict=True)
        for index, span in enumerate(spans or ((0, 0),))
    ]
    return np.array(begins, np.intp)


def all_slots(batch: Batch, tokens: Sequence[Sequence[str]], bits: int) -> Iterator[tuple[Codes, Places | slice]]:
    """Each kind of n-gram: its slots in a table of 2**bits, and the places where they begin."""
    found = grams(batch, tokens)
    slots = found.slots(bits)
    for kind in found.kinds[:ORDERS]:
        yield slots[kind], slice(0, kind.stop - kind.start)
    words, pairs = found.kinds[ORDERS:]
    yield slots[words], found.starts
    yield slots[pairs], found.starts


@cache
def _folding() -> Codes:
    """Character code to folded code: compatibility forms and case are one, every digit is 0, blanks are one."""
    table = np.arange(0x110000, dtype=np.uint32)
    for start, end in ((1, 0x3400), (0xF900, 0x10000)):
        table[start:end] = [_fold(chr(code)) for code in range(start, end)]
    return table


def _fold(character: str) -> int:
    folded = unicodedata.normalize("NFKC", character).casefold()[:1]
    if folded.isdigit():
        return ord("0")
    return ord(" ") if folded.isspace() or unicodedata.category(folded) == "Cc" else ord(folded)
