"""The whole reading of a text: mask, normalise, tokenize, feel, find gaps."""

from collections.abc import Sequence
from itertools import accumulate, repeat

import numpy as np
from msgspec import Struct

from pipeline.language import ngrams
from pipeline.language.clauses import aspect_of, clause_spans
from pipeline.language.masking import mask
from pipeline.language.normalise import Normalised, normalise
from pipeline.language.reading import ChatReading, Clause, Reading
from pipeline.language.sentiment import SentimentModel, sentiment_of, with_rating
from pipeline.language.tokens import tokenizer
from schemas.events import Turn


class Token(Struct, frozen=True):
    """A word of the normalised text and what it and the n-grams that begin in it add to the log-odds of positive."""

    text: str
    weight: float


class Reader:
    """Reads texts. Loads its models once; make one for each process. `version` names the models."""

    def __init__(self) -> None:
        self._cut = tokenizer().cut
        self._sentiment = SentimentModel.shipped()
        self.version = f"s{self._sentiment.version}"

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        """One reading for each text; never raises for any text. `ratings` are 1-5, None where none was given."""
        masked = [mask(text).text for text in texts]
        normalised = [normalise(text) for text in masked]
        scores, clauses = self._feelings(normalised)
        rated = map(with_rating, scores, ratings or repeat(None))
        return [
            _reading(text, score, conflict, found)
            for text, (score, conflict), found in zip(masked, rated, clauses, strict=True)
        ]

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

    def _feelings(self, texts: Sequence[Normalised]) -> tuple[list[float], list[tuple[Clause, ...]]]:
        """Score of each text, and its clauses in offsets of the text before normalising."""
        plain = [one.text for one in texts]
        if not any(plain):
            return [0.0] * len(texts), [()] * len(texts)
        batch = ngrams.lay(plain)
        weights = self._sentiment.contributions(batch, [self._cut(text) for text in plain])
        spans = [list(clause_spans(text)) for text in plain]
        begins = [
            start + place for place, found in zip(batch.starts.tolist(), spans, strict=True) for start, _ in found
        ]
        clause_scores = self._sentiment.scores(weights, np.array(begins, np.intp)).tolist()
        ends = list(accumulate(map(len, spans)))
        text_scores = self._sentiment.scores(weights, batch.starts - ngrams.PAD).tolist()
        feelings = [score if found else 0.0 for score, found in zip(text_scores, spans, strict=True)]
        return feelings, [
            tuple(
                Clause(*one.span(start, end), aspect_of(one.text[start:end]), score)
                for (start, end), score in zip(found, clause_scores[stop - len(found) : stop], strict=True)
            )
            for one, found, stop in zip(texts, spans, ends, strict=True)
        ]


def _reading(text: str, score: float, conflict: bool, clauses: tuple[Clause, ...]) -> Reading:
    return Reading(
        text=text,
        sentiment=sentiment_of(score),
        sentiment_score=score,
        gaps=(),
        primary_gap="none",
        dimension="none",
        stage="in_sale",
        severity=0.0,
        evidence=(),
        clauses=clauses,
        rating_conflict=conflict,
    )
