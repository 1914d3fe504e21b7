"""SnowNLP in the place of our sentiment model, to compare with and to fall back on."""

import math
from importlib.metadata import version
from typing import TYPE_CHECKING

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.language.models.ngrams import Batch
from gapwatch.pipeline.language.models.sentiment import SentimentScores

if TYPE_CHECKING:
    from collections.abc import Callable

# SnowNLP knows no neutral texts but those without words; and a probability of exactly 0 or 1 has no log-odds.
_NEUTRAL = 50.0
_SUREST = 1e-6


class SnowNLPSentiment:
    """Naive Bayes over SnowNLP's own words, trained on shopping reviews (35,124 lines shipped with the package).

    It cuts the text itself, slowly (some 100 texts a second), and takes 420 MB. It knows positive and negative only:
    plain questions read as negative. Raises SettingsError where snownlp is not installed.
    """

    def __init__(self) -> None:
        try:
            from snownlp import SnowNLP  # noqa: PLC0415 - three seconds and 420 MB that only the reference needs
        except ImportError:
            raise SettingsError("GAPWATCH_SENTIMENT=snownlp needs the package snownlp: pip install snownlp") from None
        self._snownlp: Callable[[str], object] = SnowNLP
        self.version = f"snownlp-{version('snownlp')}"

    def score(self, batch: Batch) -> SentimentScores:
        """Scores of texts; of a text without words, none either way."""
        positive = [self._probability(text) for text in batch.texts]
        parts = [
            self._probability(text[start:end])
            for text, spans in zip(batch.texts, batch.spans, strict=True)
            for start, end in spans or [(0, 0)]
        ]
        neutral = [-_NEUTRAL if text.strip() else _NEUTRAL for text in batch.texts]
        odds = [math.log(probability / (1 - probability)) for probability in positive]
        return SentimentScores(odds, neutral, [2 * share - 1 for share in parts])

    def word_weights(self, batch: Batch) -> list[float]:
        """Nothing: SnowNLP's words are not ours."""
        return [0.0] * sum(map(len, batch.tokens))

    def _probability(self, text: str) -> float:
        # An empty text makes SnowNLP divide by zero (isnowfy/snownlp#75).
        share = float(self._snownlp(text).sentiments) if text.strip() else 0.5  # type: ignore[attr-defined]
        return min(max(share, _SUREST), 1 - _SUREST)
