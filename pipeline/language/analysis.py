"""All that is found in normalised texts, in one call of compiled code."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.compiled import compiled
from gapwatch.pipeline.language.compiled.machine_code import described, read_function
from gapwatch.pipeline.language.models.aspects import ASPECT_WORDS, ASPECTS, AspectWords, aspects_of
from gapwatch.pipeline.language.models.gaps import (
    BEFORE_GAPS,
    COMPLAINT_COLUMNS,
    DIMENSIONS,
    STAGES,
    Signs,
    find_complaints,
)
from gapwatch.pipeline.language.models.gaps_lexicon import Lexicon
from gapwatch.pipeline.language.models.gaps_model import CONCESSIONS, Floats, GapModel, favour_of
from gapwatch.pipeline.language.models.gaps_severity import CUES, Cues, aggravations_of, severity
from gapwatch.pipeline.language.models.ngrams import Codes, Laid, Places, encoded, folding, lay_codes
from gapwatch.pipeline.language.models.sentiment import LABELS, SentimentModel, feel_laid, judge
from gapwatch.pipeline.language.reading import GAPS, Clause, Evidence, Reading
from gapwatch.pipeline.language.text.normalise import Normalised

_BEFORE_COMPLAINT = 3  # columns of a text: number of clauses, label, conflict; then its complaint
_BEFORE_GAPS = _BEFORE_COMPLAINT + BEFORE_GAPS
COLUMNS = _BEFORE_COMPLAINT + COMPLAINT_COLUMNS
FIGURES = 2  # of a text: score, aggravation


class Knowledge(NamedTuple):
    """The models, as the compiled functions see them."""

    folding: Codes
    sentiment: NDArray[np.int16]
    weights: Floats
    signs: Signs
    cues: Cues
    aspects: AspectWords

    @classmethod
    def of(cls, sentiment: SentimentModel, gap_model: GapModel) -> "Knowledge":
        signs = Signs(Lexicon.shipped().arrays, gap_model.table, CONCESSIONS)
        return cls(folding(), sentiment.table, sentiment.weights, signs, CUES, ASPECT_WORDS)


class Work(NamedTuple):
    """What is read, and where what is found is to be written."""

    codes: Codes
    numbers: Places  # length, number of words and rating of each text, kind after kind; then the length of each word
    scores: Floats  # of the texts, where they are not to be ours
    found: Places  # `COLUMNS` for each text; then start, end and aspect of each clause, kind after kind
    felt: Floats  # `FIGURES` for each text; then the score of each clause

    @classmethod
    def example(cls) -> "Work":
        numbers, figures = np.empty(0, np.int64), np.empty(0)
        return cls(np.empty(0, np.uint32), numbers, figures, numbers, figures)


class WholeReader:
    """Feelings, gaps and clauses of normalised texts."""

    def __init__(self, cut: Callable[[str], list[str]], sentiment: SentimentModel, gap_model: GapModel) -> None:
        self._cut = cut
        self._gives_reason = Lexicon.shipped().gives_reason
        self._knowledge = Knowledge.of(sentiment, gap_model)
        self._described = described(self._knowledge)
        self._read = read_function()

    def read(
        self,
        masked: Sequence[str],
        normalised: Sequence[Normalised],
        ratings: Sequence[int],
        scores: Sequence[float] = (),
    ) -> list[Reading]:
        """One reading for each text. Ratings are 0 where none was given; `scores` are the texts', where not ours."""
        texts = [one.text for one in normalised]
        tokens = list(map(self._cut, texts))
        codes = array("I", encoded(texts))
        count, places = len(texts), len(codes)
        numbers = array("q", map(len, texts))
        numbers.extend(map(len, tokens))
        numbers.extend(ratings)
        numbers.extend(map(len, chain.from_iterable(tokens)))
        found = array("q", bytes(8 * (count * COLUMNS + 3 * places)))
        felt = array("d", bytes(8 * (count * FIGURES + places)))
        work = codes, numbers, array("d", scores), found, felt
        work_described = described(work)
        clauses = self._read(self._described.buffer_info()[0], work_described.buffer_info()[0], count)
        if clauses < 0:
            raise ValueError("the tokens of a text, joined, are not the text")
        at = count * COLUMNS
        starts, ends, aspects = (found[start : start + clauses].tolist() for start in range(at, len(found), places))
        _to_masked(normalised, found[0:at:COLUMNS], starts, ends)
        at_clauses = count * FIGURES
        felt_clauses = felt[at_clauses : at_clauses + clauses].tolist()
        said = tuple(map(Clause, starts, ends, map(ASPECTS.__getitem__, aspects), felt_clauses))
        readings = []
        row = first = figure = 0
        for text, one, words in zip(masked, normalised, tokens, strict=True):
            clause_count, label, conflict, stage, dimension, gap_count = found[row : row + _BEFORE_GAPS]
            score, aggravation = felt[figure : figure + FIGURES]
            evidence: tuple[Evidence, ...] = ()
            if gap_count and clause_count and self._gives_reason(words):
                evidence = _evidence(text, one, found[row + _BEFORE_GAPS : row + _BEFORE_GAPS + 3 * gap_count])
            gaps = tuple([item.gap for item in evidence])
            readings.append(
                Reading(
                    text,
                    LABELS[label],
                    score,
                    gaps,
                    gaps[0] if gaps else "none",
                    DIMENSIONS[dimension] if gaps else "none",
                    STAGES[stage],
                    severity(aggravation, score, gap_count) if gaps else 0.0,
                    evidence,
                    said[first : first + clause_count],
                    bool(conflict),
                )
            )
            row, first, figure = row + COLUMNS, first + clause_count, figure + FIGURES
        return readings


def _to_masked(normalised: Sequence[Normalised], counts: Iterable[int], starts: list[int], ends: list[int]) -> None:
    """Make starts and ends of clauses, so many in each text, those in the texts before normalising."""
    first = 0
    for one, count in zip(normalised, counts, strict=True):
        if not one.unmoved:
            for clause in range(first, first + count):
                starts[clause], ends[clause] = one.span(starts[clause], ends[clause])
        first += count


def _evidence(text: str, normalised: Normalised, found: Sequence[int]) -> tuple[Evidence, ...]:
    evidence = []
    for gap, start, end in zip(found[::3], found[1::3], found[2::3], strict=True):
        first, last = normalised.span(start, end)
        evidence.append(Evidence(GAPS[gap], text[first:last], first, last))
    return tuple(evidence)


@compiled
def read_texts(knowledge: Knowledge, work: Work, texts: int) -> int:
    """Number of clauses; -1 where the words are not those of the texts."""
    codes, numbers, found, felt = work.codes, work.numbers, work.found, work.felt
    lengths, word_counts = numbers[:texts], numbers[texts : 2 * texts]
    ratings, word_lengths = numbers[2 * texts : 3 * texts], numbers[3 * texts :]
    if lengths.sum() != word_lengths.sum():
        return -1
    laid = Laid(*lay_codes(codes, knowledge.folding, lengths, word_counts, word_lengths))
    positive, neutral, feelings = feel_laid(laid, knowledge.sentiment, knowledge.weights)
    rows = found[: texts * COLUMNS].reshape((texts, COLUMNS))
    figures = felt[: texts * FIGURES].reshape((texts, FIGURES))
    scores = np.empty(texts)
    for text in range(texts):
        scores[text], rows[text, 1], rows[text, 2] = judge(positive[text], neutral[text], ratings[text])
    if len(work.scores):
        scores[:] = work.scores
    figures[:, 0] = scores
    figures[:, 1] = aggravations_of(laid, knowledge.cues)
    rows[:, _BEFORE_COMPLAINT:] = find_complaints(laid, knowledge.signs, feelings, favour_of(scores))
    aspects = aspects_of(laid, knowledge.aspects)
    clauses = found[texts * COLUMNS :].reshape((3, len(codes)))
    count = 0
    for text in range(texts):
        rows[text, 0] = 0
        for clause in range(laid.first[text], laid.first[text + 1]):
            if laid.spans[clause, 1]:  # else it stands for a text that has none
                clauses[0, count], clauses[1, count] = laid.spans[clause, 0], laid.spans[clause, 1]
                clauses[2, count] = aspects[clause]
                felt[texts * FIGURES + count] = feelings[clause]
                rows[text, 0] += 1
                count += 1
    return count
