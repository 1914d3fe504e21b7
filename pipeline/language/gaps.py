"""Which service gap a text speaks of, in whose words, and how badly."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from pipeline.language.compiled import Plain, compiled
from pipeline.language.gaps_evidence import find_evidence
from pipeline.language.gaps_lexicon import Lexicon, LexiconArrays, Meanings, find_hits
from pipeline.language.gaps_model import (
    CONCESSIONS,
    DIMENSION,
    GAPS,
    NONE,
    PRIMARY,
    STAGE,
    Floats,
    GapModel,
    Table,
    favour,
    gates_of,
    score_outputs,
)
from pipeline.language.gaps_severity import CUES, Cues, aggravations_of, severity
from pipeline.language.ngrams import Batch, Laid, Places
from pipeline.language.phrases import Phrases
from pipeline.language.reading import GAPS as GAP_NAMES
from pipeline.language.reading import Dimension, Evidence, Gap, Stage

DIMENSIONS: tuple[Dimension, ...] = ("reliability", "responsiveness", "assurance", "empathy", "tangibles")
STAGES: tuple[Stage, ...] = ("pre_sale", "in_sale", "after_sale")

MOST_GAPS = 3  # the guide's rule 5
_VOICED = 0.0  # log-odds from which a gap beside the primary one is clearly voiced
_COLUMNS = 3  # of a complaint, before its gaps


class GapReading(Struct, frozen=True, gc=False):
    """What a text complains of. `severity` is 0 ... 1; evidence counts characters of the text that was read."""

    gaps: tuple[Gap, ...]
    primary_gap: Gap | Literal["none"]
    dimension: Dimension
    stage: Stage
    severity: float
    evidence: tuple[Evidence, ...]


class GapReader:
    """Finds gaps. `version` names the exact weights."""

    def __init__(self, model: GapModel | None = None) -> None:
        self._lexicon = Lexicon.shipped()
        model = model or GapModel.shipped()
        self._knowledge = (
            *map(tuple, self._lexicon.arrays),
            tuple(model.table),
            tuple(CONCESSIONS),
            tuple(CUES.words),
            CUES.kinds,
            CUES.weights,
        )
        self.version = model.version

    def read(self, batch: Batch, feelings: Sequence[float], scores: Sequence[float]) -> list[GapReading]:
        """One reading for each text, from how each clause feels and the sentiment score of each text."""
        complaints, aggravations = _find_complaints(
            tuple(batch.laid), self._knowledge, np.array(feelings), favour(scores)
        )
        return [
            self._reading(batch, number, complaint, score, aggravation)
            for number, (complaint, score, aggravation) in enumerate(
                zip(complaints.tolist(), scores, aggravations.tolist(), strict=True)
            )
        ]

    def _reading(
        self, batch: Batch, number: int, complaint: Sequence[int], score: float, aggravation: float
    ) -> GapReading:
        text = batch.texts[number]
        stage, dimension, count, *found = complaint
        if not (count and batch.spans[number] and self._lexicon.gives_reason(batch.tokens[number])):
            return GapReading((), "none", "none", STAGES[stage], 0.0, ())
        gaps = [GAP_NAMES[gap] for gap in found[: 3 * count : 3]]
        spans = zip(gaps, found[1::3], found[2::3], strict=False)
        return GapReading(
            gaps=tuple(gaps),
            primary_gap=gaps[0],
            dimension=DIMENSIONS[dimension],
            stage=STAGES[stage],
            severity=severity(aggravation, score, count),
            evidence=tuple([Evidence(gap, text[start:end], start, end) for gap, start, end in spans]),
        )


@compiled
def _find_complaints(plain: Plain, knowledge: Plain, feelings: Floats, favours: Floats) -> tuple[Places, Floats]:
    """What each text complains of, a row each, and how it is aggravated.

    A row holds stage, dimension and number of gaps; then of each gap, most certain first, which it is and where its
    evidence starts and ends.
    """
    laid = Laid(*plain)
    words, negators, meanings, weights, concessions, cues, kinds, aggravating = knowledge
    lexicon = LexiconArrays(Phrases(*words), Phrases(*negators), Meanings(*meanings))
    table = Table(*weights)
    hits = find_hits(laid, lexicon)
    gates = gates_of(laid, feelings, Phrases(*concessions))
    clauses, texts = score_outputs(laid, table, hits, gates, favours)
    complaints = np.zeros((len(texts), _COLUMNS + 3 * MOST_GAPS), np.int64)
    for text in range(len(texts)):
        complaint = complaints[text]
        complaint[0] = texts[text, STAGE].argmax()
        complaint[1] = texts[text, DIMENSION].argmax()
        gaps = _gaps(texts[text])
        complaint[2] = len(gaps)
        for place in range(len(gaps)):
            column = _COLUMNS + 3 * place
            complaint[column] = gaps[place]
            complaint[column + 1 : column + 3] = find_evidence(laid, table, clauses, text, gaps[place])
    return complaints, aggravations_of(laid, Cues(Phrases(*cues), kinds, aggravating))


@compiled
def _gaps(outputs: Floats) -> Places:
    """The gaps that a text voices, most certain first."""
    gaps = np.zeros(MOST_GAPS, np.int64)
    gaps[0] = outputs[PRIMARY].argmax()
    if gaps[0] == NONE:
        return gaps[:0]
    beside = outputs[GAPS].copy()
    beside[gaps[0]] = _VOICED
    count = 1
    while count < MOST_GAPS and beside.max() > _VOICED:
        gaps[count] = beside.argmax()
        beside[gaps[count]] = _VOICED
        count += 1
    return gaps[:count]
