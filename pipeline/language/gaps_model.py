"""Scores of gaps, dimensions and stages: one table of n-gram weights, summed over the clauses that feel bad."""

import hashlib
import io
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.language import ngrams
from pipeline.language.gaps_lexicon import Hit
from pipeline.language.ngrams import Batch

Floats = NDArray[np.floating[Any]]

BITS = 18
KINDS = 4  # of n-grams: characters by two and three, words by one and two
PRIMARY = slice(0, 5)  # information, design, communication, fulfillment, none
NONE = PRIMARY.stop - 1
GAPS = slice(5, 9)  # the four gaps, each by itself
DIMENSION = slice(9, 14)  # reliability, responsiveness, assurance, empathy, tangibles
STAGE = slice(14, 17)  # pre_sale, in_sale, after_sale
OUTPUTS = 17

_CONTENT = 0.2  # a clause that feels better than this (-1 ... 1) is praise or a fact: it hardly counts
_CONTENT_GATE = 0.1
_CONCEDES = re.compile("就是|只是|可惜|唯一|美中不足|但|不过|可是|然而")
# Log-odds. A text that feels good must complain so much more clearly, any other a little less: chosen on training texts
# so that as many negative ones as before are found (docs/language.md).
_PRAISE = 7.0
_CLAIM = 0.3
_SMOOTHING = 8.0  # places added to a length, so that a few words do not shout


class Scores(NamedTuple):
    """What speaks for each output: the n-grams, packed; each clause; each text, in log-odds.

    The figures of clauses are to be compared within a text and an output only.
    """

    found: NDArray[np.int64]
    clauses: Floats
    texts: Floats


def gate(batch: Batch, feelings: Sequence[float]) -> Floats:
    """How much clauses count that feel like `feelings`, -1 ... 1; what is conceded counts however kindly it is said."""
    conceded = [
        bool(_CONCEDES.match(text, start))
        for text, spans in zip(batch.texts, batch.spans, strict=True)
        for start, _ in spans or [(0, 0)]
    ]
    counting = (np.array(feelings) < _CONTENT) | np.array(conceded)
    return np.where(counting, np.float32(1), np.float32(_CONTENT_GATE))


def favour(scores: Sequence[float]) -> Floats:
    """Log-odds that texts which feel like `scores`, -1 ... 1, gain for `none`."""
    gained: Floats = np.float32(_PRAISE) * np.maximum(np.array(scores, np.float32), 0) - np.float32(_CLAIM)
    return gained


def norms(batch: Batch, gates: Floats) -> Floats:
    """By what the sum of each text is divided, so that a long text says no more than a short one."""
    lengths: Floats = np.sqrt(np.add.reduceat(gates * batch.lengths, batch.first) + _SMOOTHING)
    return lengths


class GapModel:
    """What n-grams and groups of the lexicon say of each output. `version` names the exact weights."""

    def __init__(self, file: bytes) -> None:
        with np.load(io.BytesIO(file)) as arrays:
            self._rows: NDArray[np.uint16] = np.zeros(1 << BITS, np.uint16)
            self._rows[arrays["slots"]] = np.arange(1, len(arrays["slots"]) + 1)
            weights = np.vstack([np.zeros((1, OUTPUTS), np.int8), arrays["weights"]])
            self._weights: NDArray[Any] = ngrams.pack(weights, np.int64)
            self._groups: NDArray[Any] = ngrams.pack(arrays["groups"], np.int64)
            self._scale: Floats = arrays["scale"]
            self._bias: Floats = arrays["bias"]
        self.version = hashlib.sha256(file).hexdigest()[:12]

    @classmethod
    def shipped(cls) -> "GapModel":
        """The weights of this package."""
        return cls(resources.files("pipeline.language.weights").joinpath("gaps.npz").read_bytes())

    def scores(self, batch: Batch, feelings: Sequence[float], scores: Sequence[float], hits: Sequence[Hit]) -> Scores:
        """Scores of a batch, from how each clause and each text feels and what the lexicon finds."""
        found = self._weights.take(self._rows.take(batch.slots(BITS, KINDS)), axis=0)
        sums = batch.clause_sums(found, KINDS)
        if hits:
            self._add_groups(sums, hits)
        gates = gate(batch, feelings)
        clauses = ngrams.unpack(sums)[:, :OUTPUTS] * gates[:, None]
        added = np.add.reduceat(clauses, batch.first, axis=0) / norms(batch, gates)[:, None]
        texts = added * self._scale + self._bias
        texts[:, NONE] += favour(scores)
        return Scores(found, clauses, texts)

    def _add_groups(self, sums: ngrams.Sums, hits: Sequence[Hit]) -> None:
        """Add what groups of the lexicon say to the sums of the clauses, in whose order they stand."""
        groups, clauses = zip(*hits, strict=True)
        places = np.array(clauses)
        begins = np.flatnonzero(places != np.array((-1, *clauses[:-1])))
        sums[places.take(begins)] += np.add.reduceat(self._groups.take(groups, axis=0), begins, axis=0)
