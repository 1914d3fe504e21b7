"""Scores of gaps, dimensions and stages: one table of n-gram weights, summed over clauses that are not praise."""

import hashlib
import io
import math
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled, inlined
from gapwatch.pipeline.language.models import ngrams
from gapwatch.pipeline.language.models.ngrams import PAD, Batch, Integers, Layout
from gapwatch.pipeline.language.models.phrases import NO_PHRASE, Phrases, longest

Floats = NDArray[np.float64]

BITS = 18
KINDS = 4  # of n-grams: characters by two and three, words by one and two
SHIFT = 32 - BITS
PRIMARY = slice(0, 5)  # information, design, communication, fulfillment, none
NONE = PRIMARY.stop - 1
GAPS = slice(5, 9)  # the four gaps, each by itself
DIMENSION = slice(9, 14)  # reliability, responsiveness, assurance, empathy, tangibles
STAGE = slice(14, 17)  # pre_sale, in_sale, after_sale
OUTPUTS = 17

_CONTENT = 0.2  # a clause that scores higher than this (-1 ... 1) is praise or a fact: it hardly counts
_CONTENT_GATE = 0.1
CONCESSIONS = Phrases.of(["就是", "只是", "可惜", "唯一", "美中不足", "但", "不过", "可是", "然而"])
# Log-odds. A positive text must complain so much more clearly, any other a little less: chosen on training texts
# so that as many negative ones as before are found (docs/decisions/0047).
_PRAISE = 14.0
_CLAIM = 0.5
_SMOOTHING = 8.0  # places added to a length, so that a few words do not outweigh a text


class Table(NamedTuple):
    """Weights of each output, in units of `scale`: of slots, by their row (0: none), and of groups of the lexicon."""

    rows: NDArray[np.uint16]
    weights: NDArray[np.int8]
    groups: NDArray[np.int16]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]


def gate(batch: Batch, clause_scores: Sequence[float]) -> Floats:
    """How much clauses of these scores, -1 ... 1, count; what is conceded counts however kindly it is said."""
    return gates_of(batch.layout, np.array(clause_scores), CONCESSIONS)


@compiled
def none_odds_of(scores: Floats) -> Floats:
    return _PRAISE * np.maximum(scores, 0) - _CLAIM


def none_odds(scores: Sequence[float]) -> Floats:
    """Log-odds that texts gain for `none` by their sentiment scores, -1 ... 1."""
    return none_odds_of(np.array(scores))


def norms(batch: Batch, gates: Floats) -> Floats:
    """By what the sum of each text is divided, so that a long text says no more than a short one."""
    return _norms(batch.layout, gates)


class GapModel:
    """What n-grams and groups of the lexicon say of each output. `version` names the exact weights."""

    def __init__(self, file: bytes) -> None:
        with np.load(io.BytesIO(file)) as arrays:
            rows = np.zeros(1 << BITS, np.uint16)
            rows[arrays["slots"]] = np.arange(1, len(arrays["slots"]) + 1)
            weights = np.vstack([np.zeros((1, OUTPUTS), np.int8), np.asarray(arrays["weights"], np.int8)])
            groups = np.ascontiguousarray(arrays["groups"], np.int16)
            scale, bias = (np.asarray(arrays[name], np.float32) for name in ("scale", "bias"))
            self.table = Table(rows, weights, groups, scale, bias)
        self.version = hashlib.sha256(file).hexdigest()[:12]

    @classmethod
    def shipped(cls) -> "GapModel":
        """The weights of this package."""
        return cls(resources.files("gapwatch.pipeline.language.weights").joinpath("gaps.npz").read_bytes())


@compiled
def score_outputs(
    layout: Layout, table: Table, hits: Integers, gates: Floats, none_odds: Floats
) -> tuple[Floats, Floats]:
    """What speaks for each output: each clause, each text; the latter in log-odds.

    `hits` is what the lexicon finds. The figures of clauses are to be compared within a text and an output only.
    """
    clauses = _clause_sums(layout, table, hits)
    texts = np.zeros((len(none_odds), OUTPUTS))
    norms, scale, bias = _norms(layout, gates), table.scale, table.bias
    for text in range(len(texts)):
        for clause in range(layout.first[text], layout.first[text + 1]):
            for output in range(OUTPUTS):
                clauses[clause, output] *= gates[clause]
                texts[text, output] += clauses[clause, output]
        for output in range(OUTPUTS):
            texts[text, output] = texts[text, output] / norms[text] * scale[output] + bias[output]
        texts[text, NONE] += none_odds[text]
    return clauses, texts


@compiled
def _clause_sums(layout: Layout, table: Table, hits: Integers) -> Floats:
    """What the n-grams and the groups of each clause add up to. Sums of integers: the same in any company and order."""
    # Taken out of their tuples once: in a loop each look would count references.
    rows, weights, groups, hashes = table.rows, table.weights, table.groups, layout.hashes
    sums = np.empty((len(layout.spans), OUTPUTS))
    total = np.empty(OUTPUTS, np.int32)
    hit = 0
    for clause in range(len(layout.spans)):
        total[:] = 0
        for ngram in range(begin_of(layout, clause), layout.bounds[clause + 1]):
            row = rows[hashes[ngram] >> SHIFT]
            if row:
                for output in range(OUTPUTS):
                    total[output] += weights[row, output]
        while hit < len(hits) and hits[hit, 1] == clause:
            for output in range(OUTPUTS):
                total[output] += groups[hits[hit, 0], output]
            hit += 1
        for output in range(OUTPUTS):
            sums[clause, output] = total[output]
    return sums


@inlined
def begin_of(layout: Layout, clause: int) -> int:
    """Where the n-grams of the last `KINDS` kinds of a clause begin."""
    return int(layout.bounds[clause] + (ngrams.KINDS - KINDS) * (layout.begins[clause + 1] - layout.begins[clause]))


@compiled
def gates_of(layout: Layout, clause_scores: Floats, concessions: Phrases) -> Floats:
    gates = np.ones(len(clause_scores))
    for text in range(len(layout.first) - 1):
        zero = layout.begins[layout.first[text]] + PAD
        for clause in range(layout.first[text], layout.first[text + 1]):
            if clause_scores[clause] >= _CONTENT:
                conceding, _ = longest(concessions, layout.codes, zero + layout.spans[clause, 0])
                if conceding == NO_PHRASE:
                    gates[clause] = _CONTENT_GATE
    return gates


@compiled
def _norms(layout: Layout, gates: Floats) -> Floats:
    norms = np.empty(len(layout.first) - 1)
    for text in range(len(norms)):
        length = _SMOOTHING
        for clause in range(layout.first[text], layout.first[text + 1]):
            length += gates[clause] * (layout.begins[clause + 1] - layout.begins[clause])
        norms[text] = math.sqrt(length)
    return norms
