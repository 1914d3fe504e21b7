"""The sentiment of a text: one table of n-gram weights, summed over each clause; the clauses, bounded, make the text.

A clause's sum goes through tanh before the clauses are added, so that no single gushing or raging clause outvotes the
rest. A second column of the table says how matter-of-fact the words are. docs/decisions/0040 says how both are learned.
"""

import hashlib
import io
import math
import zipfile
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.language.compiled.decorators import compiled
from gapwatch.pipeline.language.models.ngrams import Batch, Integers, Layout
from gapwatch.pipeline.language.reading import Sentiment
from gapwatch.pipeline.settings import settings

Floats = NDArray[np.float64]
LABELS: tuple[Sentiment, ...] = ("neutral", "positive", "negative")

# What a rating says beside the text, in log-odds: of positive against negative, and of neutral.
_RATING_ODDS = ((0.0, 0.0), (-2.0, -2.0), (-1.2, -1.0), (0.0, 1.0), (1.2, -1.0), (2.0, -2.0))  # the first for none
_SHIPPED = resources.files("gapwatch.pipeline.language.weights").joinpath("sentiment.npz")
_CONFLICT = 0.6  # a text at least this sure contradicts a rating on the other side


class Shape(Struct, frozen=True):
    """How clauses make a text.

    `clause`, `first` and `last` weigh any clause, the first and the last; `bias` and `temperature` give the log-odds of
    positive; `neutral` weighs (1, matter-of-factness, sureness, log of the number of clauses) to those of neutral.
    """

    clause: float
    first: float
    last: float
    bias: float
    temperature: float
    neutral: tuple[float, float, float, float]
    scales: tuple[float, float]


class SentimentScores(NamedTuple):
    """Log-odds of positive and of neutral for each text; score, -1 ... 1, of each clause."""

    positive: list[float]
    neutral: list[float]
    clauses: list[float]


class SentimentModel:
    """The shipped or a trained table. `version` names the exact weights."""

    def __init__(self, file: bytes) -> None:
        with np.load(io.BytesIO(file)) as arrays:
            self.table: NDArray[np.int16] = np.ascontiguousarray(arrays["table"].T, np.int16)
            self._shape = msgspec.json.decode(arrays["shape"].tobytes(), type=Shape)
        self.weights = _weights(self._shape)
        self._bits = len(self.table).bit_length() - 1
        self.version = hashlib.sha256(file).hexdigest()[:12]

    @classmethod
    def configured(cls) -> "SentimentModel":
        """The weights that GAPWATCH_SENTIMENT_WEIGHTS names, else those of this package.

        Raises SettingsError where the file is none of `gapwatch train sentiment`.
        """
        return cls.of_file(chosen) if (chosen := settings().sentiment_weights) else cls.shipped()

    @classmethod
    def shipped(cls) -> "SentimentModel":
        """The weights of this package."""
        return cls(_SHIPPED.read_bytes())

    @classmethod
    def of_file(cls, file: Path) -> "SentimentModel":
        """The weights of a file. Raises SettingsError where it is none of `gapwatch train sentiment`."""
        try:
            return cls(file.read_bytes())
        except OSError as error:
            raise SettingsError("weights {file}: {problem}", file=file, problem=error.strerror) from None
        except (ValueError, KeyError, zipfile.BadZipFile, msgspec.DecodeError):
            raise SettingsError(
                "{file} is no weight file; make one with `gapwatch train sentiment`", file=file
            ) from None

    def score(self, batch: Batch) -> SentimentScores:
        """Scores of texts; even odds without words."""
        return _listed(score_layout(batch.layout, self.table, self.weights))

    def word_weights(self, batch: Batch) -> list[float]:
        """What each word of a batch of one text, with the n-grams that begin in it, adds to the sum of its clause."""
        weights = self.table[:, 0].take(batch.slots(self._bits))
        places = np.bincount(batch.place_of(), weights, batch.layout.begins[-1])
        sums: list[float] = (np.add.reduceat(places, batch.layout.starts[1:-1]) * self._shape.scales[0]).tolist()
        return sums


def combine(shape: Shape, polarity: Floats, fact: Floats, first: Integers) -> SentimentScores:
    """From the sums of all clauses to their texts. `first` has the first clause of each text, and the end."""
    return _listed(_combined(_weights(shape), first, polarity, fact))


def _weights(shape: Shape) -> Floats:
    odds = (shape.clause, shape.first, shape.last, shape.bias, shape.temperature)
    return np.array([*odds, *shape.neutral, *shape.scales])


def _listed(scores: tuple[Floats, Floats, Floats]) -> SentimentScores:
    return SentimentScores(*[figures.tolist() for figures in scores])


@compiled
def score_layout(layout: Layout, table: NDArray[np.int16], weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Sums of integers, then combined: the same in any company and order. Even odds without words."""
    hashes, bounds = layout.hashes, layout.bounds
    polarity, fact = np.empty(len(bounds) - 1), np.empty(len(bounds) - 1)
    size = np.uint64(len(table))
    for clause in range(len(polarity)):
        polarity_sum = fact_sum = 0
        for ngram in range(bounds[clause], bounds[clause + 1]):
            slot = hashes[ngram] * size >> np.uint64(32)  # the high bits, as many as the table has
            polarity_sum += table[slot, 0]
            fact_sum += table[slot, 1]
        polarity[clause], fact[clause] = polarity_sum, fact_sum
    positive, neutral, clauses = _combined(weights, layout.first, polarity, fact)
    for text in range(len(positive)):
        if not layout.spans[layout.first[text], 1]:
            positive[text] = neutral[text] = 0.0
    return positive, neutral, clauses


@compiled
def _combined(weights: Floats, first: Integers, polarity: Floats, fact: Floats) -> tuple[Floats, Floats, Floats]:
    """Log-odds of positive and of neutral for each text, score of each clause."""
    every, at_first, at_last, bias, temperature = weights[0], weights[1], weights[2], weights[3], weights[4]
    intercept, of_fact, of_sureness, of_length = weights[5], weights[6], weights[7], weights[8]
    scales = weights[9:]
    bounded = np.tanh(polarity * scales[0])
    clauses = np.tanh(bounded * (temperature * (every + at_first + at_last) / 2))
    positive = np.empty(len(first) - 1)
    neutral = np.empty(len(first) - 1)
    for text in range(len(positive)):
        start, stop = first[text], first[text + 1]
        root = math.sqrt(stop - start)
        added = every * bounded[start:stop].sum() + at_first * bounded[start] + at_last * bounded[stop - 1]
        odds = temperature * (added / root + bias)
        facts = scales[1] * fact[start:stop].sum() / root
        positive[text] = odds
        neutral[text] = intercept + of_fact * facts + of_sureness * abs(odds) + of_length * math.log(stop - start)
    return positive, neutral, clauses


def verdict(positive: float, neutral: float, rating: int | None = None) -> tuple[float, Sentiment, bool]:
    """Score -1 ... 1, label, and whether rating and text contradict each other, from log-odds and the rating given."""
    score, label, conflict = classify(positive, neutral, rating or 0)
    return score, LABELS[label], bool(conflict)


@compiled
def classify(positive: float, neutral: float, rating: int) -> tuple[float, int, bool]:
    """The same for a rating of 0 where none was given, with the number of the label.

    The score is the probability of positive less that of negative, given that there is an opinion; of a neutral text
    it is drawn towards 0 by the probability that there is none.
    """
    certain = math.tanh(positive / 2)
    conflict = rating != 0 and abs(certain) > _CONFLICT and (rating - 3) * certain < 0
    if rating:
        for_positive, for_neutral = _RATING_ODDS[rating]
        certain = math.tanh((positive + for_positive) / 2)
        neutral += for_neutral
    opinion = 1 / (1 + math.exp(min(neutral, 50.0)))
    if opinion * (1 + abs(certain)) / 2 < 1 - opinion:
        return certain * opinion, 0, conflict
    return certain, 1 if certain > 0 else 2, conflict
