"""Scores of gaps, dimensions and stages: one table of n-gram weights, summed over the clauses that feel bad."""

import hashlib
import io
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.language import ngrams
from pipeline.language.gaps_lexicon import Lexicon
from pipeline.language.ngrams import Batch, Codes, Places

Floats = NDArray[np.float32]
Spans = Sequence[tuple[int, int]]
Slots = list[tuple[Codes, Places | slice]]

BITS = 18
PRIMARY = slice(0, 5)  # information, design, communication, fulfillment, none
GAPS = slice(5, 9)  # the four gaps, each by itself
DIMENSION = slice(9, 14)  # reliability, responsiveness, assurance, empathy, tangibles
STAGE = slice(14, 17)  # pre_sale, in_sale, after_sale
OUTPUTS = 17
MOODS = 4  # worst, best and mean clause, share of bad clauses

_CONTENT = 0.2  # a clause that feels better than this (-1 ... 1) is praise or a fact: it hardly counts
_CONTENT_GATE = 0.1
SMOOTHING = 8.0  # places added to a length, so that a few words do not shout
_KINDS = (1, 2, 4, 5)  # of ngrams.all_slots: characters by two and three, words by one and two


class Clauses(NamedTuple):
    """The clauses of a batch, in order; a text without any has one that weighs nothing."""

    begins: Places  # place where each begins; the first of a text takes the padding before it
    lengths: Places  # places
    first: Places  # number of the first clause of each text
    empty: NDArray[np.bool_]  # whether a clause stands for a text without any


class Gated(NamedTuple):
    """How much each clause counts, the same divided by the norm of its text, and the moods of each text."""

    gates: Floats
    factors: Floats
    moods: Floats


class Scores(NamedTuple):
    """What speaks for each output: the n-grams that begin at each place, each clause, each text (log-odds)."""

    places: NDArray[np.int16]
    clauses: Floats
    texts: Floats


class Groups(NamedTuple):
    """Phrases found in a batch: the group of the lexicon that speaks, and the number of its clause."""

    groups: Places
    clauses: Places


def lay_clauses(batch: Batch, spans: Sequence[Spans]) -> Clauses:
    """The clauses of each text by their spans."""
    begins: list[int] = []
    first: list[int] = []
    for start, found in zip(batch.starts.tolist(), spans, strict=True):
        first.append(len(begins))
        begins.append(start - ngrams.PAD)
        begins.extend(start + begin for begin, _ in found[1:])
    places = np.array(begins, np.intp)
    empty = np.zeros(len(begins), np.bool_)
    empty[[number for number, found in zip(first, spans, strict=True) if not found]] = True
    return Clauses(places, np.diff(places, append=_end(batch)), np.array(first, np.intp), empty)


def gate(scores: Floats, clauses: Clauses) -> Gated:
    """Weigh clauses by how they feel, -1 ... 1."""
    gates = np.where(scores < _CONTENT, np.float32(1), np.float32(_CONTENT_GATE))
    gates[clauses.empty] = 0
    counts = np.diff(clauses.first, append=len(clauses.begins))
    norms = np.sqrt(np.add.reduceat(gates * clauses.lengths, clauses.first) + SMOOTHING)
    moods = (
        np.minimum.reduceat(scores, clauses.first),
        np.maximum.reduceat(scores, clauses.first),
        np.add.reduceat(scores, clauses.first) / counts,
        np.add.reduceat((scores < _CONTENT).astype(np.float32), clauses.first) / counts,
    )
    factors = gates / np.repeat(norms, counts)
    return Gated(gates, factors.astype(np.float32), np.stack(moods, axis=1).astype(np.float32))


def find_groups(lexicon: Lexicon, texts: Sequence[str], spans: Sequence[Spans], clauses: Clauses) -> Groups:
    """What the lexicon finds in each text."""
    found = [
        (group, first + clause)
        for text, span, first in zip(texts, spans, clauses.first.tolist(), strict=True)
        for group, clause in lexicon.find(text, span)
    ]
    groups, places = zip(*found, strict=True) if found else ((), ())
    return Groups(np.array(groups, np.intp), np.array(places, np.intp))


def slots(batch: Batch, tokens: Sequence[Sequence[str]]) -> Slots:
    """The n-grams that the model looks at."""
    found = list(ngrams.all_slots(batch, tokens, BITS))
    end = _end(batch)
    return [
        (codes[:end], slice(0, end)) if isinstance(places, slice) else (codes, places)
        for codes, places in map(found.__getitem__, _KINDS)
    ]


def _end(batch: Batch) -> int:
    """Where the last text ends. The padding after it belongs to no text, as that between two belongs to the second."""
    return len(batch.codes) - ngrams.PAD


def feel(weights: NDArray[np.int8], scale: float, bias: float, found: Slots, clauses: Clauses) -> Floats:
    """How each clause feels, -1 ... 1."""
    total = np.zeros(int(clauses.lengths.sum()) + int(clauses.begins[0]), np.int32)
    for codes, places in found:
        total[places] += weights[codes]
    sums = np.add.reduceat(total, clauses.begins)
    odds = sums * scale / np.sqrt(clauses.lengths + SMOOTHING) + bias
    scores: Floats = np.where(clauses.empty, 0, np.tanh(odds / 2)).astype(np.float32)
    return scores


class GapModel:
    """Weights of hashed n-grams: how they feel, and what they say of each output. `version` names the exact weights."""

    def __init__(self, file: bytes) -> None:
        with np.load(io.BytesIO(file)) as arrays:
            self._feeling: NDArray[np.int8] = arrays["feeling"]
            self._feeling_scale, self._feeling_bias = arrays["feeling_line"].tolist()
            self._rows: NDArray[np.uint16] = np.zeros(1 << BITS, np.uint16)
            self._rows[arrays["slots"]] = np.arange(1, len(arrays["slots"]) + 1)
            self._weights: NDArray[np.int8] = np.vstack([np.zeros((1, OUTPUTS), np.int8), arrays["weights"]])
            self._scale: Floats = arrays["scale"]
            self._groups: Floats = arrays["groups"]
            self._moods: Floats = arrays["moods"]
            self._bias: Floats = arrays["bias"]
        self.version = hashlib.sha256(file).hexdigest()[:12]

    @classmethod
    def shipped(cls) -> "GapModel":
        """The weights of this package."""
        return cls(resources.files("pipeline.language.weights").joinpath("gaps.npz").read_bytes())

    def scores(self, batch: Batch, tokens: Sequence[Sequence[str]], clauses: Clauses, groups: Groups) -> Scores:
        """Scores of a batch."""
        found = slots(batch, tokens)
        feelings = feel(self._feeling, self._feeling_scale, self._feeling_bias, found, clauses)
        gated = gate(feelings, clauses)
        total = np.zeros((len(batch.codes), OUTPUTS), np.int16)
        for codes, places in found:
            total[places] += self._weights.take(self._rows.take(codes), axis=0)
        sums = np.add.reduceat(total, clauses.begins, axis=0, dtype=np.int32).astype(np.float32)
        parts: Floats = sums * (gated.factors[:, None] * self._scale)
        np.add.at(parts, groups.clauses, self._groups[groups.groups] * gated.gates[groups.clauses, None])
        texts: Floats = np.add.reduceat(parts, clauses.first, axis=0) + gated.moods @ self._moods + self._bias
        return Scores(total, parts, texts)
