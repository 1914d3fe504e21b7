"""The whole reading of a masked text: normalise, tokenize, score, find gaps."""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gapwatch.pipeline.language.analysis import Analyser
from gapwatch.pipeline.language.masking.spans import MaskedText
from gapwatch.pipeline.language.models.gaps_model import GapModel
from gapwatch.pipeline.language.models.ngrams import Batch
from gapwatch.pipeline.language.models.sentiment import SentimentModel, verdict
from gapwatch.pipeline.language.reading import ChatReading, Clause, Reading
from gapwatch.pipeline.language.reference import SnowNLPSentiment
from gapwatch.pipeline.language.text.normalise import Normalised, normalise
from gapwatch.pipeline.language.text.tokens import tokenizer
from gapwatch.pipeline.settings import settings

# Read together: as many texts as share the fixed cost of compiled calls while their arrays stay in a core's cache.
BATCH_TEXTS = 128
_BATCH_CHARACTERS = 1 << 14


class Token(Struct, frozen=True):
    """A word of the normalised text, and what it and the n-grams that begin in it add to the sum of its clause."""

    text: str
    weight: float


class Reader:
    """Reads texts. Loads its models once; make one for each process. `version` names the models."""

    def __init__(self) -> None:
        self._cut = tokenizer().cut
        ours, gap_model = SentimentModel.configured(), GapModel.shipped()
        self._reference = SnowNLPSentiment() if settings().sentiment == "snownlp" else None
        self._sentiment = self._reference or ours
        self._analyser = Analyser(self._cut, ours, gap_model)
        self.version = f"{self._sentiment.version}-{gap_model.version}"

    def read(self, texts: Sequence[MaskedText], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        """One reading for each text; never raises for any text. `ratings` are 1-5, None where none was given."""
        ratings = ratings or [None] * len(texts)
        return [
            reading
            for start, stop in _parts(texts)
            for reading in self._analyse(texts[start:stop], ratings[start:stop])
        ]

    def read_chat(self, said: Sequence[MaskedText], whole: MaskedText) -> ChatReading:
        """The customer's side of a conversation: what was `said` turn by turn, and the `whole` of it as one text."""
        *readings, reading = self.read([*said, whole])
        if not readings:
            return ChatReading(reading)
        scores = tuple(turn.sentiment_score for turn in readings)
        return ChatReading(reading, scores, scores[0], scores[-1], min(scores))

    def explain(self, text: MaskedText) -> list[Token]:
        """The words of a text as the model sees them."""
        batch = Batch.of([normalise(text).text], self._cut)
        (tokens,) = batch.tokens
        return list(map(Token, tokens, self._sentiment.word_weights(batch)))

    def _analyse(self, masked: Sequence[str], ratings: Sequence[int | None]) -> list[Reading]:
        normalised = list(map(normalise, masked))
        if self._reference:
            return self._with_reference(self._reference, masked, normalised, ratings)
        return self._analyser.analyse(masked, normalised, [rating or 0 for rating in ratings])

    def _with_reference(
        self,
        reference: SnowNLPSentiment,
        masked: Sequence[str],
        normalised: Sequence[Normalised],
        ratings: Sequence[int | None],
    ) -> list[Reading]:
        """Which clauses complain, our own model says even where SnowNLP scores a text and its clauses."""
        batch = Batch.of([one.text for one in normalised], self._cut)
        scores = reference.score(batch)
        verdicts = list(map(verdict, scores.positive, scores.neutral, ratings))
        readings = self._analyser.analyse(masked, normalised, [0] * len(masked), [score for score, _, _ in verdicts])
        clause_scores = [scores.clauses[first:] for first in batch.first.tolist()]
        return [
            replace(
                reading,
                sentiment=sentiment,
                rating_conflict=conflict,
                clauses=tuple(map(_rescored, reading.clauses, scores)),
            )
            for reading, (_, sentiment, conflict), scores in zip(readings, verdicts, clause_scores, strict=True)
        ]


def _parts(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each part of the texts that is read together."""
    start = characters = 0
    for stop, text in enumerate(texts):
        characters += len(text)
        if stop - start >= BATCH_TEXTS or (characters > _BATCH_CHARACTERS and stop > start):
            yield start, stop
            start, characters = stop, len(text)
    if start < len(texts):
        yield start, len(texts)


def _rescored(clause: Clause, score: float) -> Clause:
    return replace(clause, sentiment_score=score)
