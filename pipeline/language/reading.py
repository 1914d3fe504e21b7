"""What a reader makes of a text: the result types of the language layer."""

from typing import Literal

from msgspec import Struct

Sentiment = Literal["positive", "neutral", "negative"]
Gap = Literal["information", "design", "communication", "fulfillment"]
Dimension = Literal["reliability", "responsiveness", "assurance", "empathy", "tangibles", "none"]
Stage = Literal["pre_sale", "in_sale", "after_sale"]

GAPS: tuple[Gap, ...] = ("information", "design", "communication", "fulfillment")


class Evidence(Struct, frozen=True, gc=False):
    """The words that speak for a gap; `start` and `end` count characters of `Reading.text`."""

    gap: Gap
    text: str
    start: int
    end: int


class Clause(Struct, frozen=True, gc=False):
    """One clause, the thing it speaks of (`logistics`, `packaging`, ...; empty where unsaid) and its sentiment."""

    start: int
    end: int
    aspect: str
    sentiment_score: float


class Reading(Struct, frozen=True, gc=False):
    """One text, read. Personal data are masked in `text`, and offsets count its characters."""

    text: str
    sentiment: Sentiment
    sentiment_score: float
    gaps: tuple[Gap, ...]
    primary_gap: Gap | Literal["none"]
    dimension: Dimension
    stage: Stage
    severity: float
    evidence: tuple[Evidence, ...]
    clauses: tuple[Clause, ...] = ()
    rating_conflict: bool = False


class ChatReading(Struct, frozen=True):
    """A conversation, read: the customer's side as one text, and its sentiment from turn to turn.

    `turn_scores` holds one score, -1 to 1, for each of the customer's turns in order; `start`, `end` and `low` are the
    first, the last and the lowest of them (0 where the customer said nothing).
    """

    reading: Reading
    turn_scores: tuple[float, ...] = ()
    start: float = 0.0
    end: float = 0.0
    low: float = 0.0
