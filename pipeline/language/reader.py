"""The whole reading of a text: mask, normalise, tokenize, feel, find gaps."""

from collections.abc import Iterator, Sequence
from itertools import repeat

from msgspec import Struct

from pipeline.language import ngrams
from pipeline.language.aspects import aspects_of
from pipeline.language.gaps import GapReader, GapReading
from pipeline.language.masking import mask
from pipeline.language.ngrams import Spans
from pipeline.language.normalise import Normalised, normalise
from pipeline.language.reading import ChatReading, Clause, Evidence, Reading, Sentiment
from pipeline.language.reference import SnowNLPSentiment
from pipeline.language.sentiment import SentimentModel, verdict
from pipeline.language.tokens import tokenizer
from pipeline.settings import settings
from schemas.events import Turn

# Read together: as many texts as share the fixed cost of compiled calls while their arrays stay in a core's cache.
TOGETHER = 128
_CHARACTERS = 1 << 14


class Token(Struct, frozen=True):
    """A word of the normalised text, and what it and the n-grams that begin in it add to the sum of its clause."""

    text: str
    weight: float


class Reader:
    """Reads texts. Loads its models once; make one for each process. `version` names the models."""

    def __init__(self) -> None:
        self._cut = tokenizer().cut
        self._ours = SentimentModel.in_force()
        self._sentiment = SnowNLPSentiment() if settings().sentiment == "snownlp" else self._ours
        self._gaps = GapReader()
        self.version = f"{self._sentiment.version}-{self._gaps.version}"
        self.read([""])  # what is to be compiled is compiled now, not when the first event waits

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        """One reading for each text; never raises for any text. `ratings` are 1-5, None where none was given."""
        ratings = ratings or [None] * len(texts)
        masked = [mask(text).text for text in texts]
        return [
            reading for start, stop in _parts(masked) for reading in self._read(masked[start:stop], ratings[start:stop])
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
        batch = ngrams.lay([normalise(mask(text).text).text], self._cut)
        (tokens,) = batch.tokens
        return list(map(Token, tokens, self._sentiment.weigh(batch)))

    def _read(self, masked: Sequence[str], ratings: Sequence[int | None]) -> Iterator[Reading]:
        normalised = [normalise(text) for text in masked]
        batch = ngrams.lay([one.text for one in normalised], self._cut)
        feelings = self._sentiment.feel(batch)
        verdicts = list(map(verdict, feelings.positive, feelings.neutral, ratings))
        # Which clauses complain, our own model says even where SnowNLP tells how the text feels.
        own = feelings if self._sentiment is self._ours else self._ours.feel(batch)
        gaps = self._gaps.read(batch, own.clauses, [score for score, _, _ in verdicts])
        said = list(zip(aspects_of(batch), feelings.clauses, strict=True))
        clauses = map(_clauses, normalised, batch.spans, batch.first.tolist(), repeat(said))
        return map(_reading, masked, normalised, clauses, verdicts, gaps)


def _parts(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each part of the texts that is read together."""
    start = characters = 0
    for stop, text in enumerate(texts):
        characters += len(text)
        if stop - start >= TOGETHER or (characters > _CHARACTERS and stop > start):
            yield start, stop
            start, characters = stop, len(text)
    if start < len(texts):
        yield start, len(texts)


def _clauses(one: Normalised, spans: Spans, first: int, said: Sequence[tuple[str, float]]) -> tuple[Clause, ...]:
    """The clauses of a text in offsets of the text before normalising. `said[first]`: aspect and score of its first."""
    where: Spans = spans if one.unmoved else [one.span(start, end) for start, end in spans]
    return tuple(
        [
            Clause(start, end, aspect, score)
            for (start, end), (aspect, score) in zip(where, said[first : first + len(spans)], strict=True)
        ]
    )


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
        evidence=tuple([_evidence(text, normalised, item) for item in gaps.evidence]),
        clauses=clauses,
        rating_conflict=conflict,
    )


def _evidence(text: str, normalised: Normalised, item: Evidence) -> Evidence:
    start, end = normalised.span(item.start, item.end)
    return Evidence(item.gap, text[start:end], start, end)
