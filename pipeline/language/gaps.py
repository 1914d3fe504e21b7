"""Which service gap a text speaks of, in whose words, and how badly."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.language import ngrams
from pipeline.language.gaps_lexicon import Hit, Lexicon
from pipeline.language.gaps_model import DIMENSION, GAPS, KINDS, NONE, PRIMARY, STAGE, GapModel
from pipeline.language.gaps_severity import severity
from pipeline.language.ngrams import PAD, Batch
from pipeline.language.reading import GAPS as GAP_NAMES
from pipeline.language.reading import Dimension, Evidence, Gap, Stage

DIMENSIONS: tuple[Dimension, ...] = ("reliability", "responsiveness", "assurance", "empathy", "tangibles")
STAGES: tuple[Stage, ...] = ("pre_sale", "in_sale", "after_sale")

MOST_GAPS = 3  # the guide's rule 5
_VOICED = 0.0  # log-odds from which a gap beside the primary one is clearly voiced
_LONGEST = 24  # characters of evidence; of a longer clause the heaviest stretch
_SHORTEST = 3  # a shorter clause is evidence only where nothing else speaks


class GapReading(NamedTuple):
    """What a text complains of. `severity` is 0 ... 1; evidence counts characters of the text that was read."""

    gaps: tuple[Gap, ...]
    primary_gap: Gap | Literal["none"]
    dimension: Dimension
    stage: Stage
    severity: float
    evidence: tuple[Evidence, ...]


class _Decision(NamedTuple):
    gaps: tuple[int, ...]  # most certain first; empty where there is no complaint
    dimension: int
    stage: int


class _Clause(NamedTuple):
    """A clause of a complaint, and how much it speaks for the gap in question."""

    start: int
    end: int
    speaking: float


class GapReader:
    """Finds gaps. `version` names the exact weights."""

    def __init__(self, model: GapModel | None = None) -> None:
        self._lexicon = Lexicon.shipped()
        self._model = model or GapModel.shipped()
        self.version = self._model.version

    def read(self, batch: Batch, feelings: Sequence[float], scores: Sequence[float]) -> list[GapReading]:
        """One reading for each text, from how each clause feels and the sentiment score of each text."""
        hits = find_hits(self._lexicon, batch)
        told = self._model.scores(batch, feelings, scores, hits)
        speaking = told.clauses[:, GAPS].tolist()
        return [
            self._reading(_Text(batch, number, speaking, told.found), score, _decide(outputs))
            for number, (score, outputs) in enumerate(zip(scores, told.texts.tolist(), strict=True))
        ]

    def _reading(self, text: "_Text", score: float, decision: _Decision) -> GapReading:
        gaps, dimension, stage = decision
        if not (gaps and text.spans and self._lexicon.gives_reason(text.words)):
            return GapReading((), "none", "none", STAGES[stage], 0.0, ())
        return GapReading(
            gaps=tuple([GAP_NAMES[gap] for gap in gaps]),
            primary_gap=GAP_NAMES[gaps[0]],
            dimension=DIMENSIONS[dimension],
            stage=STAGES[stage],
            severity=severity(text.text, score, len(gaps)),
            evidence=tuple([_evidence(text, gap) for gap in gaps]),
        )


def find_hits(lexicon: Lexicon, batch: Batch) -> list[Hit]:
    """What the lexicon finds in each clause of a batch."""
    return [
        hit
        for text, spans, first in zip(batch.texts, batch.spans, batch.first, strict=True)
        for hit in lexicon.find(text, spans, first)
    ]


class _Text(NamedTuple):
    """A text of a batch by its number, how much each clause of the batch speaks for each gap, and its n-grams."""

    batch: Batch
    number: int
    speaking: list[list[float]]
    found: NDArray[np.int64]

    @property
    def text(self) -> str:
        return self.batch.texts[self.number]

    @property
    def words(self) -> Sequence[str]:
        return self.batch.tokens[self.number]

    @property
    def spans(self) -> ngrams.Spans:
        return self.batch.spans[self.number]

    def clauses(self, gap: int) -> list[_Clause]:
        first = self.batch.first[self.number]
        speaking = self.speaking[first : first + len(self.spans)]
        return [_Clause(start, end, said[gap]) for (start, end), said in zip(self.spans, speaking, strict=True)]

    def weights(self, gap: int, start: int, end: int) -> list[int]:
        """How much the n-grams that begin at each character speak for a gap."""
        begin = self.batch.begins[self.batch.first[self.number]] + PAD
        sums = self.batch.place_sums(self.found, begin + start, begin + end, KINDS)
        weights: list[int] = ngrams.unpack(sums)[:, GAPS.start + gap].tolist()
        return weights


def _decide(outputs: Sequence[float]) -> _Decision:
    primary, stage = _heaviest_of(outputs[PRIMARY]), _heaviest_of(outputs[STAGE])
    if primary == NONE:
        return _Decision((), 0, stage)
    gaps = outputs[GAPS]
    beside = [gap for gap in range(NONE) if gap != primary and gaps[gap] > _VOICED]
    beside.sort(key=gaps.__getitem__, reverse=True)
    return _Decision((primary, *beside[: MOST_GAPS - 1]), _heaviest_of(outputs[DIMENSION]), stage)


def _heaviest_of(outputs: Sequence[float]) -> int:
    return outputs.index(max(outputs))


def _evidence(text: _Text, gap: int) -> Evidence:
    start, end, _ = max(text.clauses(gap), key=_worth)
    if end - start > _LONGEST:
        start, end = _heaviest(text, gap, start, end)
    return Evidence(GAP_NAMES[gap], text.text[start:end], start, end)


def _worth(clause: _Clause) -> tuple[bool, float]:
    return clause.end - clause.start >= _SHORTEST, clause.speaking


def _heaviest(text: _Text, gap: int, start: int, end: int) -> tuple[int, int]:
    """The whole words of a long clause, `_LONGEST` characters at most, that speak most for a gap."""
    edges = [edge for edge in accumulate(map(len, text.words), initial=0) if start <= edge <= end]
    sums = [0, *accumulate(text.weights(gap, start, end))]
    spans = [(edge, edges[bisect_right(edges, edge + _LONGEST) - 1]) for edge in edges[:-1]]
    return max(
        (span for span in spans if span[1] > span[0]),
        key=lambda span: sums[span[1] - start] - sums[span[0] - start],
        default=(start, start + _LONGEST),
    )
