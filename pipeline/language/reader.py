"""The whole reading of a text: mask, normalise, tokenize, feel, find gaps."""

from collections.abc import Iterator, Sequence
from itertools import repeat

from msgspec import Struct, structs

from pipeline.language.clauses import aspects_of, clause_spans
from pipeline.language.gaps import GapReader, GapReading
from pipeline.language.masking import mask
from pipeline.language.normalise import Normalised, normalise
from pipeline.language.reading import ChatReading, Clause, Evidence, Reading, Sentiment
from pipeline.language.reference import SnowNLPSentiment
from pipeline.language.sentiment import SentimentModel, verdict
from pipeline.language.tokens import tokenizer
from pipeline.settings import settings
from schemas.events import Turn

Spans = list[tuple[int, int]]


class Token(Struct, frozen=True):
    """A word of the normalised text, and what it and the n-grams that begin in it add to the sum of its clause."""

    text: str
    weight: float


class Reader:
    """Reads texts. Loads its models once; make one for each process. `version` names the models."""

    def __init__(self) -> None:
        self._cut = tokenizer().cut
        self._sentiment = _sentiment()
        self._gaps = GapReader()
        self.version = f"{self._sentiment.version}-{self._gaps.version}"

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        """One reading for each text; never raises for any text. `ratings` are 1-5, None where none was given."""
        if not texts:
            return []
        masked = [mask(text).text for text in texts]
        normalised = [normalise(text) for text in masked]
        plain = [one.text for one in normalised]
        spans = [list(clause_spans(text)) for text in plain]
        tokens = [self._cut(text) for text in plain]
        feelings = self._sentiment.feel(plain, tokens, spans)
        verdicts = list(map(verdict, feelings.positive, feelings.neutral, ratings or repeat(None)))
        gaps = self._gaps.read(plain, spans, [score for score, _, _ in verdicts], tokens)
        clauses = _clauses(normalised, spans, feelings.clauses)
        return list(map(_reading, masked, normalised, clauses, verdicts, gaps))

    def read_chat(self, turns: Sequence[Turn], whole: str | None = None) -> ChatReading:
        """The customer's side of a conversation; `whole` is that side as one text, if not just its turns in a row."""
        said = [(place, turn.text) for place, turn in enumerate(turns) if turn.role == "customer"]
        texts = [text for _, text in said]
        *readings, side = self.read([*texts, "\n".join(texts) if whole is None else whole])
        if not said:
            return ChatReading(side)
        scores = tuple(reading.sentiment_score for reading in readings)
        low = min(scores)
        return ChatReading(side, scores, scores[0], scores[-1], low, said[scores.index(low)][0])

    def explain(self, text: str) -> list[Token]:
        """The words of a text as the model sees them, personal data masked."""
        plain = normalise(mask(text).text).text
        tokens = self._cut(plain)
        return list(map(Token, tokens, self._sentiment.weigh(plain, tokens))) if tokens else []


def _sentiment() -> SentimentModel | SnowNLPSentiment:
    """The one that GAPWATCH_SENTIMENT names."""
    return SnowNLPSentiment() if settings().sentiment == "snownlp" else SentimentModel.in_force()


def _clauses(
    normalised: Sequence[Normalised], spans: Sequence[Spans], scores: Sequence[float]
) -> Iterator[tuple[Clause, ...]]:
    """The clauses of each text in offsets of the text before normalising. `scores` holds one for a blank text too."""
    place = 0
    for one, found in zip(normalised, spans, strict=True):
        aspects = aspects_of(one.text, found)
        here = scores[place : place + len(found)]
        unmoved = isinstance(one.offsets, range)
        where = found if unmoved else [one.span(start, end) for start, end in found]
        yield tuple(
            [
                Clause(start, end, aspect, score)
                for (start, end), aspect, score in zip(where, aspects, here, strict=True)
            ]
        )
        place += len(found) or 1


def _reading(
    text: str,
    normalised: Normalised,
    clauses: tuple[Clause, ...],
    verdict: tuple[float, Sentiment, bool],
    gaps: GapReading,
) -> Reading:
    score, sentiment, conflict = verdict
    return Reading(
        text=text,
        sentiment=sentiment,
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


def _evidence(text: str, normalised: Normalised, item: Evidence) -> Evidence:
    start, end = normalised.span(item.start, item.end)
    return structs.replace(item, text=text[start:end], start=start, end=end)
