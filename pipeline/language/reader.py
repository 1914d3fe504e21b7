"""The whole reading of a text: mask, normalise, tokenize, feel, find gaps."""

from collections.abc import Sequence
from itertools import accumulate, repeat

import numpy as np
from msgspec import Struct, structs

from pipeline.language import ngrams
from pipeline.language.clauses import aspect_of, clause_spans
from pipeline.language.gaps import GapReader, GapReading
from pipeline.language.masking import mask
from pipeline.language.normalise import Normalised, normalise
from pipeline.language.reading import ChatReading, Clause, Evidence, Reading
from pipeline.language.sentiment import SentimentModel, sentiment_of, with_rating
from pipeline.language.tokens import tokenizer
from schemas.events import Turn

Spans = list[tuple[int, int]]


class Token(Struct, frozen=True):
    """A word of the normalised text and what it and the n-grams that begin in it add to the log-odds of positive."""

    text: str
    weight: float


class Reader:
    """Reads texts. Loads its models once; make one for each process. `version` names the models."""

    def __init__(self) -> None:
        self._cut = tokenizer().cut
        self._sentiment = SentimentModel.shipped()
        self._gaps = GapReader()
        self.version = f"{self._sentiment.version}-{self._gaps.version}"

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        """One reading for each text; never raises for any text. `ratings` are 1-5, None where none was given."""
        masked = [mask(text).text for text in texts]
        normalised = [normalise(text) for text in masked]
        plain = [one.text for one in normalised]
        spans = [list(clause_spans(text)) for text in plain]
        scores, clause_scores = self._feelings(plain, spans)
        rated = [
            with_rating(score, rating)
            for score, rating in zip(scores, ratings or repeat(None, len(texts)), strict=True)
        ]
        gaps = self._gaps.read(plain, spans, [score for score, _ in rated])
        clauses = map(_clauses, normalised, spans, clause_scores)
        return list(map(_reading, masked, normalised, clauses, rated, gaps))

    def read_chat(self, turns: Sequence[Turn]) -> ChatReading:
        """The customer's side of a conversation."""
        said = [(place, turn.text) for place, turn in enumerate(turns) if turn.role == "customer"]
        texts = [text for _, text in said]
        *readings, whole = self.read([*texts, "\n".join(texts)])
        if not said:
            return ChatReading(whole)
        scores = tuple(reading.sentiment_score for reading in readings)
        low = min(scores)
        return ChatReading(whole, scores, scores[0], scores[-1], low, said[scores.index(low)][0])

    def explain(self, text: str) -> list[Token]:
        """The words of a text as the model sees them, personal data masked."""
        plain = normalise(mask(text).text).text
        if not plain:
            return []
        tokens = self._cut(plain)
        batch = ngrams.lay([plain])
        starts, _ = ngrams.word_places([tokens])
        weights = self._sentiment.contributions(batch, [tokens])
        return list(map(Token, tokens, self._sentiment.weights_of(weights, starts).tolist()))

    def _feelings(self, texts: Sequence[str], spans: Sequence[Spans]) -> tuple[list[float], list[list[float]]]:
        """Score of each text and of each of its clauses; 0 for a text without words."""
        if not any(spans):
            return [0.0] * len(texts), [[] for _ in texts]
        batch = ngrams.lay(texts)
        weights = self._sentiment.contributions(batch, [self._cut(text) for text in texts])
        begins = [
            start + place for place, found in zip(batch.starts.tolist(), spans, strict=True) for start, _ in found
        ]
        clauses = self._sentiment.scores(weights, np.array(begins, np.intp)).tolist()
        ends = accumulate(map(len, spans))
        scores = self._sentiment.scores(weights, batch.starts - ngrams.PAD).tolist()
        return (
            [score if found else 0.0 for score, found in zip(scores, spans, strict=True)],
            [clauses[end - len(found) : end] for end, found in zip(ends, spans, strict=True)],
        )


def _reading(
    text: str, normalised: Normalised, clauses: tuple[Clause, ...], rated: tuple[float, bool], gaps: GapReading
) -> Reading:
    score, conflict = rated
    return Reading(
        text=text,
        sentiment=sentiment_of(score),
        sentiment_score=score,
        gaps=gaps.gaps,
        primary_gap=gaps.primary_gap,
        dimension=gaps.dimension,
        stage=gaps.stage,
        severity=gaps.severity,
        evidence=tuple(_evidence(text, normalised, item) for item in gaps.evidence),
        clauses=clauses,
        rating_conflict=conflict,
    )


def _clauses(normalised: Normalised, spans: Spans, scores: list[float]) -> tuple[Clause, ...]:
    return tuple(
        Clause(*normalised.span(start, end), aspect_of(normalised.text[start:end]), score)
        for (start, end), score in zip(spans, scores, strict=True)
    )


def _evidence(text: str, normalised: Normalised, item: Evidence) -> Evidence:
    start, end = normalised.span(item.start, item.end)
    return structs.replace(item, text=text[start:end], start=start, end=end)
