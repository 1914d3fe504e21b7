"""How well sentiment is read: accuracy, macro-F1, calibration and confusion, with confidence intervals."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.models.ngrams import Batch
from gapwatch.pipeline.language.models.sentiment import SentimentModel, SentimentScores, verdict
from gapwatch.pipeline.language.reading import Sentiment
from gapwatch.pipeline.language.text.normalise import normalise
from gapwatch.pipeline.language.text.tokens import tokenizer
from gapwatch.pipeline.training import train_sentiment
from gapwatch.pipeline.training.examples import OWN, Labelled, own_sentences

LABELS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
_DRAWS = 1_000  # of the bootstrap
_BINS = 10  # of the calibration error
_CURVE = (0.1, 0.25, 0.5, 1.0)  # of the training texts
_PRIVATE = ("smp2020_usual", "smp2020_virus", "weibo2018", "weibo_emoji")
# Sources of one kind: the texts of the second would tell about the first.
_FAMILIES = (("weibo2018", "weibo_emoji"), ("smp2020_usual", "smp2020_virus"), ("hotel", "chnsenticorp_hf"))

Floats = NDArray[np.float64]
Names = NDArray[np.str_]


class Share(Struct, frozen=True):
    """A measured share of `size` texts with its 95 % interval."""

    value: float
    low: float
    high: float
    size: int


class Scorecard(Struct, frozen=True):
    """What a reader got right.

    `polarity` is the share of positive and negative texts whose score has the right sign, `service` the same without
    microblogs of private life; `calibration_error` is
    expected |confidence - accuracy| of that sign over ten bins of confidence. `confusion[i][j]` counts texts of true
    label i read as j, in the order of `LABELS`.
    """

    polarity: Share
    service: Share
    by_source: dict[str, Share]
    macro_f1: Share
    f1: dict[str, float]
    calibration_error: float
    confusion: list[list[int]]


class Predictions(NamedTuple):
    """What a reader predicts: scores -1 ... 1, labels, and log-odds of positive given an opinion."""

    scores: Floats
    labels: Names
    odds: Floats


def score(examples: Sequence[Labelled], predictions: Predictions, seed: int = 0) -> Scorecard:
    """Compare predictions with the labels of the texts."""
    truth = np.array([one.label for one in examples])
    sources = np.array([one.source for one in examples])
    polar = truth != "neutral"
    right = (predictions.scores > 0) == (truth == "positive")
    draws = np.random.default_rng(seed).integers(0, len(truth), (_DRAWS, len(truth)))
    macros = np.sort([_macro_f1(confusion(truth[draw], predictions.labels[draw])) for draw in draws])
    table = confusion(truth, predictions.labels)
    return Scorecard(
        polarity=share(right[polar]),
        service=share(right[polar & ~np.isin(sources, _PRIVATE)]),
        by_source={str(name): share(right[polar & (sources == name)]) for name in np.unique(sources)},
        macro_f1=Share(
            _macro_f1(table), float(macros[int(0.025 * _DRAWS)]), float(macros[int(0.975 * _DRAWS)]), len(truth)
        ),
        f1=dict(zip(LABELS, _f1(table).tolist(), strict=True)),
        calibration_error=calibration_error(predictions.odds[polar], right[polar]),
        confusion=table.tolist(),
    )


def share(right: NDArray[np.bool_]) -> Share:
    """A share with its Wilson interval."""
    size = len(right)
    if not size:
        return Share(float("nan"), 0.0, 1.0, 0)
    value, z2 = float(right.mean()), 1.96**2
    middle = (value + z2 / (2 * size)) / (1 + z2 / size)
    half = 1.96 * float(np.sqrt(value * (1 - value) / size + z2 / (4 * size * size))) / (1 + z2 / size)
    return Share(value, middle - half, middle + half, size)


def confusion(truth: Names, predicted: Names) -> NDArray[np.intp]:
    """Counts of true label (row) read as label (column), in the order of `LABELS`."""
    places = {label: place for place, label in enumerate(LABELS)}
    rows = np.vectorize(places.__getitem__)(truth)
    columns = np.vectorize(places.__getitem__)(predicted)
    counts: NDArray[np.intp] = np.bincount(3 * rows + columns, minlength=9).reshape(3, 3)
    return counts


def calibration_error(odds: Floats, right: NDArray[np.bool_]) -> float:
    """Expected |confidence - accuracy|: how far the stated probability of the likelier side is from the truth."""
    confidence = 1 / (1 + np.exp(-np.abs(odds)))
    bins = np.minimum((2 * _BINS * (confidence - 0.5)).astype(int), _BINS - 1)
    gaps = [np.abs((confidence - right)[bins == one].sum()) for one in range(_BINS)]
    return float(np.sum(gaps) / len(right))


def _f1(table: NDArray[np.intp]) -> Floats:
    hits = np.diag(table)
    f1: Floats = 2 * hits / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)
    return f1


def _macro_f1(table: NDArray[np.intp]) -> float:
    return float(_f1(table).mean())


def predict(examples: Sequence[Labelled], weights: Path | None = None) -> Predictions:
    """What gapwatch says, with the weights that the settings name or those of a file."""
    model = SentimentModel.of_file(weights) if weights else SentimentModel.configured()
    return _predictions(sentiment_scores(model, [one.text for one in examples]))


def _predictions(scores: SentimentScores) -> Predictions:
    verdicts = map(verdict, scores.positive, scores.neutral)
    bounded, labels, _ = zip(*verdicts, strict=True)
    return Predictions(np.array(bounded), np.array(labels), np.array(scores.positive))


def sentiment_scores(model: SentimentModel, texts: Sequence[str]) -> SentimentScores:
    """Scores of texts by a model, prepared as the reader prepares them."""
    return model.score(Batch.of([normalise(mask(text).text).text for text in texts], tokenizer().cut))


def predict_tf_idf(examples: Sequence[Labelled], learned: Sequence[Labelled]) -> Predictions:
    """What the baseline says, learned from other texts."""
    model = fit_tf_idf(learned)
    found = model.predict_proba([one.text for one in examples])
    negative, _, positive = (found[:, list(model.classes_).index(label)] for label in LABELS)
    return Predictions(positive - negative, model.classes_[found.argmax(axis=1)], np.log(positive / negative))


def fit_tf_idf(learned: Sequence[Labelled]) -> Pipeline:
    """The baseline: TF-IDF of word and character n-grams, logistic regression over the labels there are."""
    grams = make_union(
        TfidfVectorizer(analyzer=partial(_words, tokenizer().cut), min_df=2, sublinear_tf=True),
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=3, sublinear_tf=True, max_features=300_000),
    )
    model = make_pipeline(grams, LogisticRegression(C=5.0, max_iter=100, tol=1e-3))
    model.fit([one.text for one in learned], [one.label for one in learned])
    return model


def _words(cut: Callable[[str], list[str]], text: str) -> list[str]:
    tokens = cut(text)
    return tokens + [f"{one} {two}" for one, two in pairwise(tokens)]


def predict_snownlp(examples: Sequence[Labelled]) -> Predictions:
    """SnowNLP as it comes: positive above one half; it knows no neutral."""
    from snownlp import SnowNLP  # noqa: PLC0415 - loads its corpora for a second

    odds = np.array([_odds(SnowNLP(one.text).sentiments if one.text.strip() else 0.5) for one in examples])
    return Predictions(np.tanh(odds / 2), np.where(odds > 0, "positive", "negative"), odds)


def _odds(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    return float(np.log(bounded / (1 - bounded)))


def sample(examples: Sequence[Labelled], size: int, seed: int = 0) -> list[Labelled]:
    """So many of the examples, drawn the same way every time."""
    chosen = np.random.default_rng(seed).permutation(len(examples))[:size]
    return [examples[place] for place in sorted(chosen)]


def learning_curve(
    learned: Sequence[Labelled], examples: Sequence[Labelled], report: Callable[[str], None]
) -> dict[str, Scorecard]:
    """What our own model gets right when it learns from a share of the texts."""
    found: dict[str, Scorecard] = {}
    for part in _CURVE:
        texts = sample(learned, round(len(learned) * part))
        name = f"{part:.0%}: {len(texts):,} texts"
        model = SentimentModel(train_sentiment.train(texts))
        found[name] = score(examples, _predictions(sentiment_scores(model, [one.text for one in examples])))
        report(f"learnt from {name}")
    return found


def domain_left_out(
    learned: Sequence[Labelled], examples: Sequence[Labelled], report: Callable[[str], None]
) -> dict[str, Share]:
    """Accuracy of polarity on each source, learned from all texts but that source's and its siblings'."""
    known = [one for one in (*learned, *own_sentences()) if one.label != "neutral" and one.source != OWN]
    clauses = train_sentiment.clauses_of([one.text for one in known])
    positive = np.array([one.label == "positive" for one in known])
    weights = train_sentiment.balance(known)
    found: dict[str, Share] = {}
    for source in sorted({one.source for one in examples}):
        family = next((family for family in _FAMILIES if source in family), (source,))
        others = np.array([one.source not in family for one in known])
        asked = [one for one in examples if one.source == source and one.label != "neutral"]
        texts = train_sentiment.clauses_of([mask(one.text).text for one in asked])
        odds = train_sentiment.polarity(clauses.take(others), positive[others], weights[others], texts)
        found[source] = share((odds > 0) == np.array([one.label == "positive" for one in asked]))
        report(f"{source} left out: {found[source].value:.3f}")
    return found
