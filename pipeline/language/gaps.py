"""Which service gap a text speaks of, in whose words, and how badly."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipeline.language.gaps_lexicon import Hit, Lexicon
from pipeline.language.reading import GAPS, Dimension, Evidence, Gap, Stage

_CONTENT = 0.5  # a text that feels better than this complains of nothing unless more than one phrase says so


class GapReading(NamedTuple):
    """What a text complains of. `severity` is 0 ... 1; evidence counts characters of the text that was read."""

    gaps: tuple[Gap, ...]
    primary_gap: Gap | Literal["none"]
    dimension: Dimension
    stage: Stage
    severity: float
    evidence: tuple[Evidence, ...]


class GapReader:
    """Finds gaps. `version` names lexicon and weights."""

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self.version = "lexicon"

    def read(
        self,
        texts: Sequence[str],
        clauses: Sequence[Sequence[tuple[int, int]]],
        scores: Sequence[float],
    ) -> list[GapReading]:
        """One reading for each normalised text, from the spans of its clauses and its sentiment score."""
        return [self._read(*one) for one in zip(texts, clauses, scores, strict=True)]

    def _read(self, text: str, clauses: Sequence[tuple[int, int]], score: float) -> GapReading:
        hits = self._lexicon.find(text, clauses)
        groups = self._lexicon.groups
        blamed = [hit for hit in hits if groups[hit.group].gap != "none"]
        if not blamed or (score > _CONTENT and len(blamed) < 2):
            return GapReading((), "none", "none", "in_sale", 0.0, ())
        counts = {gap: len({hit.group for hit in blamed if groups[hit.group].gap == gap}) for gap in GAPS}
        gaps = tuple(sorted((gap for gap in GAPS if counts[gap]), key=lambda gap: -counts[gap])[:3])
        main = groups[next(hit.group for hit in blamed if groups[hit.group].gap == gaps[0])]
        evidence = tuple(
            _evidence(text, gap, next(hit for hit in blamed if groups[hit.group].gap == gap)) for gap in gaps
        )
        return GapReading(gaps, gaps[0], main.dimension, main.stage, max(0.1, -score / 2), evidence)


def _evidence(text: str, gap: Gap, hit: Hit) -> Evidence:
    return Evidence(gap, text[hit.start : hit.end], hit.start, hit.end)
