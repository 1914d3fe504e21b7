"""How a text feels: one table of n-gram weights, summed over the text and over each clause."""

import hashlib
import io
from collections.abc import Sequence
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from pipeline.language import ngrams
from pipeline.language.ngrams import Batch
from pipeline.language.reading import Sentiment

# What a rating says before the text is read, in log-odds of positive against negative.
_RATING_ODDS = {1: -2.0, 2: -1.2, 3: 0.0, 4: 1.2, 5: 2.0}
_NEUTRAL_WIDTH = 0.25  # scores nearer to 0 than this are neutral
_GRAMS_PER_PLACE = 5.2  # four orders of characters and about 0.6 tokens, twice
_CONFLICT = 0.8  # a text at least this sure contradicts a rating on the other side


class SentimentModel:
    """Weights of hashed n-grams. `version` names the exact weights."""

    def __init__(self, file: bytes) -> None:
        with np.load(io.BytesIO(file)) as arrays:
            self._weights: NDArray[np.int8] = arrays["weights"]
            self._scale = float(arrays["scale"])
            self._bias = float(arrays["bias"])
        self._bits = int(self._weights.size).bit_length() - 1
        self.version = hashlib.sha256(file).hexdigest()[:12]

    @classmethod
    def shipped(cls) -> "SentimentModel":
        """The weights of this package."""
        return cls(resources.files("pipeline.language.weights").joinpath("sentiment.npz").read_bytes())

    def contributions(self, batch: Batch, tokens: Sequence[Sequence[str]]) -> NDArray[np.int32]:
        """What the n-grams that begin at each place add to the sum of their text."""
        total = np.zeros(len(batch.codes), np.int32)
        for slots, places in ngrams.all_slots(batch, tokens, self._bits):
            total[places] += self._weights[slots]
        return total

    def scores(self, contributions: NDArray[np.int32], begins: NDArray[np.intp]) -> NDArray[np.float64]:
        """Score, -1 ... 1, of each stretch of places that starts at one of `begins` and ends before the next."""
        sums = np.add.reduceat(contributions, begins) * self._scale
        lengths = np.diff(begins, append=len(contributions))
        odds = sums / np.sqrt(_GRAMS_PER_PLACE * np.maximum(lengths, 1)) + self._bias
        return np.tanh(odds / 2)

    def weights_of(self, contributions: NDArray[np.int32], starts: NDArray[np.intp]) -> NDArray[np.float64]:
        """What each token of one text adds to its log-odds."""
        sums = np.add.reduceat(contributions, starts)
        return sums * (self._scale / np.sqrt(_GRAMS_PER_PLACE * len(contributions)))


def sentiment_of(score: float) -> Sentiment:
    if abs(score) < _NEUTRAL_WIDTH:
        return "neutral"
    return "positive" if score > 0 else "negative"


def with_rating(score: float, rating: int | None) -> tuple[float, bool]:
    """The score with the rating as a hint, and whether text and rating contradict each other."""
    if rating is None:
        return score, False
    conflict = (rating <= 2 and score > _CONFLICT) or (rating >= 4 and score < -_CONFLICT)
    odds = 2 * np.arctanh(np.clip(score, -0.999, 0.999)) + _RATING_ODDS[rating]
    return float(np.tanh(odds / 2)), conflict
