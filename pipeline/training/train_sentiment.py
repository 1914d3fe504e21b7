"""Learning the table of `language.models.sentiment` from labelled texts. Deterministic; needs scipy."""

import io
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray
from scipy import optimize, sparse
from sklearn.metrics import f1_score

from gapwatch.pipeline.language.models.ngrams import Batch
from gapwatch.pipeline.language.models.sentiment import Shape, combine, verdict
from gapwatch.pipeline.language.text.normalise import normalise
from gapwatch.pipeline.language.text.tokens import tokenizer
from gapwatch.pipeline.training.examples import OWN, OWN_OPINIONS, Labelled, own_sentences

BITS = 22  # 0.4 points better on dev than 20: n-grams that share a slot blur each other
_BATCH = 2_000  # texts whose n-grams are made at once
_PENALTY = 250.0  # of the weights' squares; 100 and 800 did worse on dev
_ROUNDS = 30  # of L-BFGS: the accuracy on dev stands still from there on
_MOST_WEIGHT = 4.0  # of a text whose label is rare in its source
_OWN_WEIGHT = 3.0  # of a sentence of our own: there are few
_ANCHOR = 1_000.0  # keeps the scale of a clause where it is, for the penalty to mean the same everywhere
_HEAVIEST = 800  # the largest weight of a file: coarser weights do as well, and compress
_CLIPPED = 0.9999  # share of the weights that fit unclipped
_HELD_OUT = 10  # one text in so many calibrates
_READINESS = np.arange(-10, 11) / 10  # to read a text as neutral, in log-odds

Floats = NDArray[np.float64]


class Clauses(Struct, frozen=True):
    """Clauses of texts as rows of n-gram counts; text `k` has `counts[k]` of them, at least one."""

    grams: sparse.csr_matrix
    counts: NDArray[np.intp]

    @property
    def first(self) -> NDArray[np.intp]:
        """The first clause of each text, and the end."""
        return np.concatenate([[0], self.counts.cumsum()])

    def take(self, chosen: NDArray[np.bool_]) -> "Clauses":
        return Clauses(self.grams[np.repeat(chosen, self.counts)], self.counts[chosen])


def train(examples: Sequence[Labelled], report: Callable[[str], None] = lambda _: None) -> bytes:
    """A weight file for `SentimentModel`, learnt from the examples and our own sentences."""
    examples = [*examples, *own_sentences()]
    labels = np.array([one.label for one in examples])
    given = np.array([one.source not in {OWN, OWN_OPINIONS} for one in examples])
    # Our own questions complain too one-sidedly to tell good from bad.
    opinionated = np.array([one.source != OWN and one.label != "neutral" for one in examples])
    weights = balance(examples)
    clauses = clauses_of([one.text for one in examples])
    report(f"{len(examples):,} texts, {clauses.grams.shape[0]:,} clauses, {clauses.grams.nnz:,} n-grams")
    held_out = np.arange(len(examples)) % _HELD_OUT == 0
    trial = _learn(clauses.take(~held_out), labels[~held_out], opinionated[~held_out], weights[~held_out], report)
    calibrated = _calibrate(trial, clauses.take(held_out), labels[held_out], given[held_out], weights[held_out])
    report(f"calibrated on {held_out.sum():,} texts held_out out: {calibrated}")
    final = _learn(clauses, labels, opinionated, weights, report)
    shape = structs.replace(_shape(final), temperature=calibrated.temperature, neutral=calibrated.neutral)
    return _pack(final, shape)


def balance(examples: Sequence[Labelled]) -> Floats:
    """Weights by which the labels of a source count alike, as far as `_MOST_WEIGHT` allows."""
    of_source = Counter(one.source for one in examples)
    of_label = Counter((one.source, one.label) for one in examples)
    labels = Counter(source for source, _ in of_label)
    fair = [of_source[one.source] / (labels[one.source] * of_label[one.source, one.label]) for one in examples]
    own = np.array([_OWN_WEIGHT if one.source in {OWN, OWN_OPINIONS} else 1.0 for one in examples])
    return np.asarray(np.minimum(fair, _MOST_WEIGHT) * own)


def clauses_of(texts: Sequence[str]) -> Clauses:
    """The clauses of texts, normalised and cut as the reader does it."""
    cut = tokenizer().cut
    grams, counts = [], []
    for start in range(0, len(texts), _BATCH):
        batch = Batch.of([normalise(text).text for text in texts[start : start + _BATCH]], cut)
        columns = batch.slots(BITS).astype(np.int32)
        ones = np.ones(len(columns), np.float32)
        grams.append(sparse.csr_matrix((ones, (batch.clause_of(), columns)), shape=(batch.size, 1 << BITS)))
        counts.append(batch.counts)
    return Clauses(sparse.vstack(grams).tocsr(), np.concatenate(counts))


def polarity(learned: Clauses, positive: NDArray[np.bool_], weights: Floats, asked: Clauses) -> Floats:
    """Log-odds of positive, not calibrated, of the texts asked for: the quick part of `train`."""
    fitted = _fit(learned, positive, weights, bounded=True)
    sums = asked.grams @ fitted.slots
    return np.array(combine(_shape(_Learned(fitted, fitted)), sums, sums, asked.first).positive)


class _Weights(Struct, frozen=True):
    """A fitted model: a weight for each slot, and how clauses add up."""

    slots: Floats
    clause: float
    first: float
    last: float
    bias: float


class _Learned(Struct, frozen=True):
    polarity: _Weights
    fact: _Weights


def _learn(
    clauses: Clauses,
    labels: NDArray[np.str_],
    opinionated: NDArray[np.bool_],
    weights: Floats,
    report: Callable[[str], None],
) -> _Learned:
    polarity = _fit(clauses.take(opinionated), labels[opinionated] == "positive", weights[opinionated], bounded=True)
    report(f"polarity: {np.count_nonzero(polarity.slots):,} n-grams weighed")
    fact = _fit(clauses, labels == "neutral", weights, bounded=False)
    report(f"matter-of-factness: {np.count_nonzero(fact.slots):,} n-grams weighed")
    return _Learned(polarity, fact)


def _fit(clauses: Clauses, wanted: NDArray[np.bool_], weights: Floats, *, bounded: bool) -> _Weights:
    """Logistic regression over texts whose log-odds are a sum over clauses, by L-BFGS.

    Features are scaled by their naive-Bayes log-count ratio (Wang and Manning, 2012).
    """
    last = np.cumsum(clauses.counts) - 1
    first = last - clauses.counts + 1
    text_of = np.repeat(np.arange(len(clauses.counts)), clauses.counts)
    length = np.sqrt(clauses.counts)
    sign = np.where(wanted, 1.0, -1.0)
    ratio = _log_count_ratio(clauses.grams, wanted[text_of], weights[text_of])
    seen = np.flatnonzero(ratio)
    grams = clauses.grams[:, seen]
    grams.data *= ratio[seen][grams.indices]
    transposed = grams.T.tocsr()
    start = np.array([2.0, 0.0, 0.0, 0.0])

    def loss(point: Floats) -> tuple[float, Floats]:
        slots, (every, at_first, at_last, bias) = point[:-4], point[-4:]
        sums = grams @ slots.astype(np.float32)
        bounds = np.tanh(sums) if bounded else sums
        added = every * np.add.reduceat(bounds, first) + at_first * bounds[first] + at_last * bounds[last]
        margin = sign * (added / length + bias)
        pull = -weights * sign / (1 + np.exp(np.minimum(margin, 50)))
        per_text = pull / length
        share = np.repeat(per_text, clauses.counts) * every
        share[first] += per_text * at_first
        share[last] += per_text * at_last
        slope = transposed @ (share * (1 - bounds**2) if bounded else share).astype(np.float32)
        ends = [
            per_text @ np.add.reduceat(bounds, first),
            per_text @ bounds[first],
            per_text @ bounds[last],
            pull.sum(),
        ]
        stray = point[-4:] - start
        stray[3] = 0.0
        value = weights @ np.logaddexp(0, -margin) + _PENALTY / 2 * (slots @ slots) + _ANCHOR / 2 * (stray @ stray)
        return float(value), np.concatenate([slope + _PENALTY * slots, ends + _ANCHOR * stray])

    found = optimize.minimize(
        loss,
        np.concatenate([np.zeros(grams.shape[1]), start]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ROUNDS, "maxcor": 8},
    )
    slots = np.zeros(len(ratio))
    slots[seen] = found.x[:-4] * ratio[seen]
    return _Weights(slots, *found.x[-4:].tolist())


def _log_count_ratio(grams: sparse.csr_matrix, wanted: NDArray[np.bool_], weights: Floats) -> NDArray[np.float32]:
    """How much likelier each n-gram is among the wanted, unsigned."""
    seen = grams.sign()
    yes = 1 + seen.T @ (weights * wanted)
    no = 1 + seen.T @ (weights * ~wanted)
    ratio: NDArray[np.float32] = np.abs(np.log(yes / yes.sum()) - np.log(no / no.sum())).astype(np.float32)
    ratio[np.asarray(seen.sum(axis=0)).ravel() == 0] = 0
    return ratio


def _shape(learned: _Learned) -> Shape:
    polarity, fact = learned.polarity, learned.fact
    return Shape(
        polarity.clause, polarity.first, polarity.last, polarity.bias, 1.0, (fact.bias, fact.clause, 0, 0), (1.0, 1.0)
    )


def _calibrate(
    learned: _Learned, clauses: Clauses, labels: NDArray[np.str_], given: NDArray[np.bool_], weights: Floats
) -> Shape:
    """The shape whose probabilities fit texts that were not learned from."""
    raw = _shape(learned)
    polarity, fact = clauses.grams @ learned.polarity.slots, clauses.grams @ learned.fact.slots
    scores = combine(raw, polarity, fact, clauses.first)
    positive, matter_of_fact = np.array(scores.positive), np.array(scores.neutral)
    opinionated = given & (labels != "neutral")
    (temperature,) = _logistic(positive[opinionated, None], labels[opinionated] == "positive", weights[opinionated])
    odds = temperature * positive
    facts = (matter_of_fact - raw.neutral[0]) / raw.neutral[1]
    columns = np.stack([np.ones(len(odds)), facts, np.abs(odds), np.log(clauses.counts)], axis=1)
    neutral = _logistic(columns, labels == "neutral", weights)
    neutral[0] += _readiness(columns[given] @ neutral, odds[given], labels[given])
    return structs.replace(raw, temperature=float(temperature), neutral=tuple(neutral.tolist()))


def _readiness(neutral: Floats, odds: Floats, labels: NDArray[np.str_]) -> float:
    """What to add to the log-odds of neutral for the best macro-F1 over the three labels."""

    def quality(added: float) -> float:
        read = [verdict(*pair)[1] for pair in zip(odds, neutral + added, strict=True)]
        return float(f1_score(labels, read, average="macro"))

    return float(max(_READINESS, key=quality))


def _logistic(columns: Floats, wanted: NDArray[np.bool_], weights: Floats) -> Floats:
    sign = np.where(wanted, 1.0, -1.0)

    def loss(point: Floats) -> tuple[float, Floats]:
        margin = sign * (columns @ point)
        pull = -weights * sign / (1 + np.exp(np.minimum(margin, 50)))
        return float(weights @ np.logaddexp(0, -margin)), columns.T @ pull

    found: Floats = optimize.minimize(loss, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def _pack(learned: _Learned, shape: Shape) -> bytes:
    """Weights as small integers, `_HEAVIEST` for the heaviest but few, and the shape as JSON."""
    columns, scales = [], []
    for weights in (learned.polarity.slots, learned.fact.slots):
        scale = float(np.quantile(np.abs(weights[weights != 0]), _CLIPPED)) / _HEAVIEST
        columns.append(np.clip(np.rint(weights / scale), -_HEAVIEST, _HEAVIEST).astype(np.int16))
        scales.append(scale)
    shape = structs.replace(shape, scales=(scales[0], scales[1]))
    file = io.BytesIO()
    table = np.stack(columns)
    np.savez_compressed(file, table=table, shape=np.frombuffer(msgspec.json.encode(shape), np.uint8))
    return file.getvalue()
