"""Which service gap a text speaks of, in whose words, and how badly."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.language import gaps_model, ngrams
from pipeline.language.gaps_lexicon import Lexicon
from pipeline.language.gaps_model import DIMENSION, GAPS, PRIMARY, STAGE, GapModel, Groups, Spans
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
_PHRASE = 1.0  # log-odds by which a phrase of the lexicon makes its clause the better evidence


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
        batch = ngrams.lay(texts)
        laid = gaps_model.lay_clauses(batch, clauses)
        groups = gaps_model.find_groups(self._lexicon, texts, clauses, laid)
        parts, outputs = self._model.scores(batch, tokens or list(map(self._cut, texts)), laid, groups)
        decided = _decide(outputs)
        speaking = self._speaking(parts, groups)
        return [
            _reading(text, spans, score, decision, speaking[first : first + max(len(spans), 1)])
            for text, spans, score, decision, first in zip(
                texts, clauses, scores, decided, laid.first.tolist(), strict=True
            )
        ]

    def _speaking(self, parts: gaps_model.Floats, groups: Groups) -> gaps_model.Floats:
        """How much each clause speaks for each gap: its weights, and more where the lexicon names it."""
        speaking = parts[:, GAPS].copy()
        for group, clause in zip(groups.groups.tolist(), groups.clauses.tolist(), strict=True):
            gap = self._lexicon.groups[group].gap
            if gap != "none":
                speaking[clause, GAP_NAMES.index(gap)] += _PHRASE
        return speaking


class _Decision(NamedTuple):
    gaps: tuple[int, ...]  # most certain first; empty where there is no complaint
    dimension: int
    stage: int


def _decide(outputs: gaps_model.Floats) -> list[_Decision]:
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


def _reading(text: str, spans: Spans, score: float, decision: _Decision, speaking: gaps_model.Floats) -> GapReading:
    stage = STAGES[decision.stage]
    if not decision.gaps or not spans:
        return GapReading((), "none", "none", stage, 0.0, ())
    gaps = tuple(GAP_NAMES[gap] for gap in decision.gaps)
    evidence = tuple(_evidence(text, spans, GAP_NAMES[gap], speaking[:, gap]) for gap in decision.gaps)
    return GapReading(gaps, gaps[0], DIMENSIONS[decision.dimension], stage, severity(text, score, len(gaps)), evidence)


def _evidence(text: str, spans: Spans, gap: Gap, speaking: NDArray[np.float32]) -> Evidence:
    start, end = spans[max(range(len(spans)), key=lambda number: _worth(spans[number], float(speaking[number])))]
    end = min(end, start + _LONGEST)
    return Evidence(gap, text[start:end], start, end)


def _worth(span: tuple[int, int], speaking: float) -> tuple[bool, float]:
    return span[1] - span[0] >= _SHORTEST, speaking
