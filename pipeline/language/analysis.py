"""Sentiment, gaps and clauses of normalised texts, in one call of compiled code."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled
from gapwatch.pipeline.language.compiled.machine_code import descriptors, load_analyse_texts
from gapwatch.pipeline.language.models.aspects import ASPECT_WORDS, ASPECTS, AspectWords, aspects_of
from gapwatch.pipeline.language.models.gaps import (
    BEFORE_GAPS,
    COMPLAINT_COLUMNS,
    DIMENSIONS,
    STAGES,
    GapTables,
    find_complaints,
)
from gapwatch.pipeline.language.models.gaps_lexicon import Lexicon
from gapwatch.pipeline.language.models.gaps_model import CONCESSIONS, Floats, GapModel, none_odds_of
from gapwatch.pipeline.language.models.gaps_severity import CUES, Cues, aggravations_of, severity
from gapwatch.pipeline.language.models.ngrams import Codes, Integers, Layout, encoded, folding, layout_of
from gapwatch.pipeline.language.models.sentiment import LABELS, SentimentModel, classify, score_layout
from gapwatch.pipeline.language.reading import GAPS, Clause, Evidence, Reading
from gapwatch.pipeline.language.text.normalise import Normalised

_BEFORE_COMPLAINT = 3  # columns of a text: number of clauses, label, conflict; then its complaint
_BEFORE_GAPS = _BEFORE_COMPLAINT + BEFORE_GAPS
COLUMNS = _BEFORE_COMPLAINT + COMPLAINT_COLUMNS
SCORES = 2  # of a text: sentiment, aggravation


class Models(NamedTuple):
    """The models, as the compiled functions see them."""

    folding: Codes
    sentiment: NDArray[np.int16]
    weights: Floats
    gap_tables: GapTables
    cues: Cues
    aspects: AspectWords

    @classmethod
    def of(cls, sentiment: SentimentModel, gap_model: GapModel) -> "Models":
        gap_tables = GapTables(Lexicon.shipped().arrays, gap_model.table, CONCESSIONS)
        return cls(folding(), sentiment.table, sentiment.weights, gap_tables, CUES, ASPECT_WORDS)


class Buffers(NamedTuple):
    """Texts to be analysed, and where the results are to be written."""

    codes: Codes
    numbers: Integers  # length, number of words and rating of each text, kind after kind; then the length of each word
    given_scores: Floats  # of the texts, where they are not to be ours
    results: Integers  # `COLUMNS` for each text; then start, end and aspect of each clause, kind after kind
    scores: Floats  # `SCORES` for each text; then the score of each clause

    @classmethod
    def example(cls) -> "Buffers":
        numbers, figures = np.empty(0, np.int64), np.empty(0)
        return cls(np.empty(0, np.uint32), numbers, figures, numbers, figures)


class Analyser:
    """Sentiment, gaps and clauses of normalised texts."""

    def __init__(self, cut: Callable[[str], list[str]], sentiment: SentimentModel, gap_model: GapModel) -> None:
        self._cut = cut
        self._gives_reason = Lexicon.shipped().gives_reason
        self._models = Models.of(sentiment, gap_model)
        self._model_descriptors = descriptors(self._models)
        self._analyse_texts = load_analyse_texts()

    def analyse(
        self,
        masked: Sequence[str],
        normalised: Sequence[Normalised],
        ratings: Sequence[int],
        given_scores: Sequence[float] = (),
    ) -> list[Reading]:
        """One reading for each text. Ratings are 0 where none was given. `given_scores` replace the texts' own."""
        texts = [one.text for one in normalised]
        tokens = list(map(self._cut, texts))
        codes = array("I", encoded(texts))
        count, places = len(texts), len(codes)
        numbers = array("q", map(len, texts))
        numbers.extend(map(len, tokens))
        numbers.extend(ratings)
        numbers.extend(map(len, chain.from_iterable(tokens)))
        results = array("q", bytes(8 * (count * COLUMNS + 3 * places)))
        scores = array("d", bytes(8 * (count * SCORES + places)))
        buffers = codes, numbers, array("d", given_scores), results, scores
        buffer_descriptors = descriptors(buffers)
        clauses = self._analyse_texts(
            self._model_descriptors.buffer_info()[0], buffer_descriptors.buffer_info()[0], count
        )
        if clauses < 0:
            raise ValueError("the tokens of a text, joined, are not the text")
        at = count * COLUMNS
        starts, ends, aspects = (results[start : start + clauses].tolist() for start in range(at, len(results), places))
        _to_masked(normalised, results[0:at:COLUMNS], starts, ends)
        at_clauses = count * SCORES
        clause_scores = scores[at_clauses : at_clauses + clauses].tolist()
        every_clause = tuple(map(Clause, starts, ends, map(ASPECTS.__getitem__, aspects), clause_scores))
        readings = []
        row = first = at_scores = 0
        for text, one, words in zip(masked, normalised, tokens, strict=True):
            clause_count, label, conflict, stage, dimension, gap_count = results[row : row + _BEFORE_GAPS]
            score, aggravation = scores[at_scores : at_scores + SCORES]
            evidence: tuple[Evidence, ...] = ()
            if gap_count and clause_count and self._gives_reason(words):
                evidence = _evidence(text, one, results[row + _BEFORE_GAPS : row + _BEFORE_GAPS + 3 * gap_count])
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
                    every_clause[first : first + clause_count],
                    bool(conflict),
                )
            )
            row, first, at_scores = row + COLUMNS, first + clause_count, at_scores + SCORES
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
def analyse_texts(models: Models, buffers: Buffers, texts: int) -> int:
    """Number of clauses; -1 where the words are not those of the texts."""
    codes, numbers, results, scores = buffers.codes, buffers.numbers, buffers.results, buffers.scores
    lengths, word_counts = numbers[:texts], numbers[texts : 2 * texts]
    ratings, word_lengths = numbers[2 * texts : 3 * texts], numbers[3 * texts :]
    if lengths.sum() != word_lengths.sum():
        return -1
    layout = Layout(*layout_of(codes, models.folding, lengths, word_counts, word_lengths))
    positive, neutral, clause_scores = score_layout(layout, models.sentiment, models.weights)
    rows = results[: texts * COLUMNS].reshape((texts, COLUMNS))
    text_scores = scores[: texts * SCORES].reshape((texts, SCORES))
    sentiment = np.empty(texts)
    for text in range(texts):
        sentiment[text], rows[text, 1], rows[text, 2] = classify(positive[text], neutral[text], ratings[text])
    if len(buffers.given_scores):
        sentiment[:] = buffers.given_scores
    text_scores[:, 0] = sentiment
    text_scores[:, 1] = aggravations_of(layout, models.cues)
    rows[:, _BEFORE_COMPLAINT:] = find_complaints(layout, models.gap_tables, clause_scores, none_odds_of(sentiment))
    aspects = aspects_of(layout, models.aspects)
    clauses = results[texts * COLUMNS :].reshape((3, len(codes)))
    count = 0
    for text in range(texts):
        rows[text, 0] = 0
        for clause in range(layout.first[text], layout.first[text + 1]):
            if layout.spans[clause, 1]:  # else it stands for a text that has none
                clauses[0, count], clauses[1, count] = layout.spans[clause, 0], layout.spans[clause, 1]
                clauses[2, count] = aspects[clause]
                scores[texts * SCORES + count] = clause_scores[clause]
                rows[text, 0] += 1
                count += 1
    return count
