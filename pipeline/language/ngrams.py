"""Character and word n-grams of many texts at once, as slots of hashed tables, and their sums by clause.

All texts of a batch stand in one array of folded characters, `PAD` zeros before, between and after them, so that no
n-gram spans two texts and the first and last characters of a text make n-grams of their own. A text of its own is a
batch of one: the work is a few dozen array operations whatever the number of texts.
"""

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.language.clauses import clause_spans

Codes = NDArray[np.uint32]
Places = NDArray[np.intp]
Sums = NDArray[np.int64]
Spans = Sequence[tuple[int, int]]

ORDERS = 4
PAD = ORDERS - 1
KINDS = ORDERS + 2  # characters by one, four, two, three; words; pairs of words
_PADDING = "\0" * PAD
# Odd factors without a pattern: the high bits of a sum of products tell n-grams apart (multiplicative hashing).
_SPREAD = np.array([[2654435761], [2246822519], [3266489917], [668265263]], np.uint32)
_OF_LENGTH, _OF_PAIR = np.uint32(374761393), np.uint32(1540483477)

# Small weights stand side by side in one integer, so that one sum adds three. A lane holds what any clause adds up to:
# 200 characters (`clauses.LONGEST`) and their padding make 1,218 n-grams. Two weights fit in 32 bits, three in 64.
LANES = 3
HEAVIEST = 800
_LANE_BITS = 21
_HALF = 1 << (_LANE_BITS - 1)
_SHIFTS = np.arange(LANES) * _LANE_BITS
_HALVES = int((_HALF << _SHIFTS).sum())


class Batch(NamedTuple):
    """Normalised texts with their words and clauses, and the n-grams of each clause.

    A text without clauses has one that stands for it. `hashes` holds the n-grams kind after kind and ends with one that
    is nobody's; those of clause `c` and kind `k` begin at `bounds[k * size + c]` and end where the next begin.
    """

    texts: Sequence[str]
    tokens: Sequence[Sequence[str]]
    spans: Sequence[Spans]
    first: list[int]  # number of the first clause of each text
    begins: list[int]  # place where each clause begins; that of a text takes the padding before it
    places: int  # where the padding after the last text begins
    words: Places  # place where each word begins
    bounds: Places
    empty: Places  # which clauses and kinds, by their number among the bounds, have no n-grams
    hashes: Codes

    @property
    def size(self) -> int:
        """Number of clauses."""
        return len(self.begins)

    @property
    def counts(self) -> list[int]:
        """Number of clauses of each text."""
        return [len(spans) or 1 for spans in self.spans]

    @property
    def lengths(self) -> Places:
        """Places of each clause."""
        lengths: Places = self.bounds[1 : self.size + 1] - self.bounds[: self.size]
        return lengths

    def slots(self, bits: int, kinds: int = KINDS) -> Codes:
        """Where the n-grams of the last so many kinds stand in a table of 2**bits slots."""
        return self.hashes[self.bounds[(KINDS - kinds) * self.size] :] >> np.uint32(32 - bits)

    def clause_of(self, kinds: int = KINDS) -> Places:
        """The clause of each n-gram of the last so many kinds."""
        lengths = np.diff(self.bounds[(KINDS - kinds) * self.size :])
        return np.repeat(np.tile(np.arange(self.size), kinds), lengths)

    def clause_sums(self, found: NDArray[Any], kinds: int = KINDS) -> Sums:
        """What the n-grams of each clause add up to. `found` has a row for each of `slots`."""
        skipped = (KINDS - kinds) * self.size
        sums = np.add.reduceat(found, self.bounds[skipped:] - self.bounds[skipped], axis=0, dtype=np.int64)[:-1]
        if len(self.empty):
            sums[self.empty - skipped] = 0
        added: Sums = sums.reshape(kinds, self.size, *found.shape[1:]).sum(axis=0)
        return added

    def place_sums(self, found: NDArray[Any], start: int, stop: int, kinds: int = KINDS) -> Sums:
        """What the n-grams that begin at each place from `start` to `stop` add up to."""
        orders = kinds - 2
        sums: Sums = np.zeros((stop - start, *found.shape[1:]), np.int64)
        for order in range(orders):
            sums += found[order * self.places + start : order * self.places + stop]
        first, last = np.searchsorted(self.words, (start, stop)).tolist()
        at = self.words[first:last] - start
        for kind in range(2):
            begin = orders * self.places + kind * len(self.words)
            sums[at] += found[begin + first : begin + last]
        return sums


def lay(texts: Sequence[str], cut: Callable[[str], list[str]]) -> Batch:
    """Cut normalised texts, one at least, into words and clauses and put them side by side."""
    tokens = list(map(cut, texts))
    spans = list(map(clause_spans, texts))
    words = [_PADDING]
    first: list[int] = []
    begins: list[int] = []
    place = 0
    for text, said, clauses in zip(texts, tokens, spans, strict=True):
        words += said
        words.append(_PADDING)
        first.append(len(begins))
        begins.append(place)
        place += PAD
        begins += [place + start for start, _ in clauses[1:]]
        place += len(text)
    lengths = np.fromiter(map(len, words[:-1]), np.intp, len(words) - 1)
    starts = lengths.cumsum() - lengths
    bounds = _bounds(np.array(begins), starts, place)
    # Only a clause that begins within a word may lack words; each has characters.
    empty = (bounds[1:] == bounds[:-1]).nonzero()[0]
    hashes = _hashes(_codes("".join(words)), starts, lengths)
    return Batch(texts, tokens, spans, first, begins, place, starts, bounds, empty, hashes)


def pack(weights: NDArray[Any], kind: type[np.signedinteger[Any]]) -> NDArray[Any]:
    """Rows of weights, `LANES` of them in each integer; `clause_sums` adds such integers, `unpack` reads the sums.

    Weights are integers from -`HEAVIEST` to `HEAVIEST`.
    """
    rows, columns = weights.shape
    packed = np.zeros((rows, -(-columns // LANES)), kind)
    for column in range(columns):
        word, lane = divmod(column, LANES)
        packed[:, word] += np.left_shift(weights[:, column], lane * _LANE_BITS, dtype=kind)
    return packed


def unpack(sums: Sums) -> Sums:
    """The sums of each column of packed weights, and of as many empty columns as fill the last integer."""
    lanes = ((sums[..., None] + _HALVES) >> _SHIFTS) & ((1 << _LANE_BITS) - 1)
    return (lanes - _HALF).reshape(len(sums), -1)


def word_slots(words: Sequence[str], bits: int) -> Codes:
    """The slot of each word in a table of 2**bits slots."""
    batch = lay(words, lambda word: [word])
    begin = ORDERS * batch.places
    return batch.slots(bits)[begin + 1 : begin + len(batch.words) : 2]


def _codes(text: str) -> Codes:
    return _folding().take(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))


def _bounds(begins: Places, words: Places, places: int) -> Places:
    """Where the n-grams of each kind and clause begin, and where the last end."""
    orders = _ORDER_NUMBERS * places + begins
    at_words = words.searchsorted(begins) + ORDERS * places
    end = ORDERS * places + 2 * len(words)
    return np.concatenate([orders.ravel(), at_words, at_words + len(words), [end]])


def _hashes(codes: Codes, starts: Places, lengths: Places) -> Codes:
    """The n-grams that begin at each place, and at each word."""
    places, words = len(codes) - PAD, len(starts)
    hashes = np.zeros(ORDERS * places + 2 * words + 1, np.uint32)
    ones, fours, twos, threes = hashes[: ORDERS * places].reshape(ORDERS, places)
    first, second, third, fourth = _SPREAD * codes
    ones[:] = first[:places]
    np.add(first[:places], second[1 : places + 1], out=twos)
    np.add(twos, third[2 : places + 2], out=threes)
    np.add(threes, fourth[3:], out=fours)
    # A word is its first four characters and its length.
    kinds = _KIND_OF_LENGTH.take(lengths, mode="clip")
    whole = hashes.take(kinds * places + starts) + lengths.astype(np.uint32) * _OF_LENGTH
    single, pair = hashes[ORDERS * places : -1].reshape(2, words)
    single[:] = whole
    # The padding after the last text is the same word as that before the first.
    pair[-1] = whole[0]
    pair[:-1] = whole[1:]
    pair += whole * _OF_PAIR
    return hashes


_ORDER_NUMBERS = np.arange(ORDERS)[:, None]
_KIND_OF_LENGTH = np.array([0, 0, 2, 3, 1])  # where the n-grams of as many characters stand among the kinds


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
