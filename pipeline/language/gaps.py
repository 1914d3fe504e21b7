"""Which service gap a text speaks of, in whose words, and how badly."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.language import gaps_model, ngrams
from pipeline.language.gaps_lexicon import Lexicon
from pipeline.language.gaps_model import DIMENSION, GAPS, PRIMARY, STAGE, Floats, GapModel, Groups, Spans
from pipeline.language.gaps_severity import severity
from pipeline.language.reading import GAPS as GAP_NAMES
from pipeline.language.reading import Dimension, Evidence, Gap, Stage
from pipeline.language.tokens import tokenizer

DIMENSIONS: tuple[Dimension, ...] = ("reliability", "responsiveness", "assurance", "empathy", "tangibles")
STAGES: tuple[Stage, ...] = ("pre_sale", "in_sale", "after_sale")
NONE = len(GAP_NAMES)  # place of "none" among the primaries

MOST_GAPS = 3  # the guide's rule 5
_VOICED = 0.0  # log-odds from which a gap beside the primary one is clearly voiced
_LONGEST = 24  # characters of evidence; of a longer clause the heaviest stretch
_SHORTEST = 3  # a shorter clause is evidence only where nothing else speaks
_PHRASE = 2.5  # log-odds by which a phrase of the lexicon makes its clause the better evidence


class GapReading(NamedTuple):
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
        self._model = model or GapModel.shipped()
        self._gap_of_group = np.array([(*GAP_NAMES, "none").index(group.gap) for group in self._lexicon.groups])
        self._cut = tokenizer().cut
        self.version = self._model.version

    def read(
        self,
        texts: Sequence[str],
        clauses: Sequence[Spans],
        scores: Sequence[float],
        tokens: Sequence[Sequence[str]] | None = None,
    ) -> list[GapReading]:
        """One reading for each normalised text, from the spans of its clauses, its sentiment score and its tokens."""
        if not texts:
            return []
        cut = tokens or list(map(self._cut, texts))
        batch = ngrams.lay(texts)
        laid = gaps_model.lay_clauses(batch, clauses)
        groups = gaps_model.find_groups(self._lexicon, texts, clauses, laid)
        told = self._model.scores(batch, cut, laid, groups)
        speaking = self._speaking(told.clauses, groups)
        found = [
            _Text(text, spans, words, told.places, place, speaking[first : first + len(spans)])
            for text, spans, words, place, first in zip(
                texts, clauses, cut, batch.starts.tolist(), laid.first.tolist(), strict=True
            )
        ]
        reasons = map(self._lexicon.gives_reason, cut)
        return list(map(_reading, found, scores, _decide(told.texts), reasons))

    def _speaking(self, parts: Floats, groups: Groups) -> list[list[float]]:
        """How much each clause speaks for each gap: its weights, and more where the lexicon names it."""
        speaking = parts[:, GAPS].copy()
        gaps = self._gap_of_group[groups.groups]
        named = gaps < NONE
        np.add.at(speaking, (groups.clauses[named], gaps[named]), _PHRASE)
        clauses: list[list[float]] = speaking.tolist()
        return clauses


class _Text(NamedTuple):
    """A text, where it begins among the `places` of its batch, and how much each clause speaks for each gap."""

    text: str
    spans: Spans
    words: Sequence[str]
    places: NDArray[np.int16]
    begin: int
    speaking: list[list[float]]


class _Decision(NamedTuple):
    gaps: tuple[int, ...]  # most certain first; empty where there is no complaint
    dimension: int
    stage: int


def _decide(outputs: Floats) -> list[_Decision]:
    primaries = outputs[:, PRIMARY].argmax(axis=1).tolist()
    order = np.argsort(-outputs[:, GAPS], axis=1, kind="stable").tolist()
    voiced = (outputs[:, GAPS] > _VOICED).tolist()
    dimensions = outputs[:, DIMENSION].argmax(axis=1).tolist()
    stages = outputs[:, STAGE].argmax(axis=1).tolist()
    return [
        _Decision(() if primary == NONE else _gaps(primary, gaps, told), dimension, stage)
        for primary, gaps, told, dimension, stage in zip(primaries, order, voiced, dimensions, stages, strict=True)
    ]


def _gaps(primary: int, order: Sequence[int], voiced: Sequence[bool]) -> tuple[int, ...]:
    return (primary, *(gap for gap in order if gap != primary and voiced[gap]))[:MOST_GAPS]


def _reading(found: _Text, score: float, decision: _Decision, reason: bool) -> GapReading:
    stage = STAGES[decision.stage]
    if not (decision.gaps and found.spans and reason):
        return GapReading((), "none", "none", stage, 0.0, ())
    return GapReading(
        gaps=tuple(GAP_NAMES[gap] for gap in decision.gaps),
        primary_gap=GAP_NAMES[decision.gaps[0]],
        dimension=DIMENSIONS[decision.dimension],
        stage=stage,
        severity=severity(found.text, score, len(decision.gaps)),
        evidence=tuple(_evidence(found, gap) for gap in decision.gaps),
    )


def _evidence(found: _Text, gap: int) -> Evidence:
    speaking = [clause[gap] for clause in found.speaking]
    start, end = found.spans[speaking.index(max(speaking))]
    if end - start < _SHORTEST:
        start, end = max(zip(found.spans, speaking, strict=True), key=_worth)[0]
    if end - start > _LONGEST:
        start, end = _heaviest(found, gap, start, end)
    return Evidence(GAP_NAMES[gap], found.text[start:end], start, end)


def _worth(clause: tuple[tuple[int, int], float]) -> tuple[bool, float]:
    (start, end), speaking = clause
    return end - start >= _SHORTEST, speaking


def _heaviest(found: _Text, gap: int, start: int, end: int) -> tuple[int, int]:
    """The whole words of a long clause, `_LONGEST` characters at most, that speak most for a gap."""
    edges = [edge for edge in accumulate(map(len, found.words), initial=0) if start <= edge <= end]
    sums = np.concatenate(
        [[0], found.places[found.begin + start : found.begin + end, GAPS.start + gap].cumsum()]
    ).tolist()
    spans = [(edge, edges[bisect_right(edges, edge + _LONGEST) - 1]) for edge in edges[:-1]]
    return max(
        (span for span in spans if span[1] > span[0]),
        key=lambda span: sums[span[1] - start] - sums[span[0] - start],
        default=(start, start + _LONGEST),
    )
