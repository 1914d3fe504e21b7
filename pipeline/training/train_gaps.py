"""Train the gap model: four questions (primary, gaps, dimension, stage) answered from one table of n-grams.

Labels: the given development set, complaints coded by the same guide (`complaint_labels.jsonl`, which names texts by
id) and sentences of our own (`gap_sentences.jsonl`). Word vectors learnt from all texts carry labels to related words;
afterwards they are folded into the table, so that reading costs nothing more.
"""

import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from msgspec import json as msgjson
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.models import gaps_model, ngrams
from gapwatch.pipeline.language.models.gaps import DIMENSIONS, STAGES
from gapwatch.pipeline.language.models.gaps_lexicon import Lexicon, find_hits
from gapwatch.pipeline.language.models.gaps_model import DIMENSION, GAPS, NONE, OUTPUTS, PRIMARY, STAGE
from gapwatch.pipeline.language.models.ngrams import Batch, Integers
from gapwatch.pipeline.language.models.sentiment import SentimentModel, verdict
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.language.reading import GAPS as GAP_NAMES
from gapwatch.pipeline.language.text.normalise import normalise
from gapwatch.pipeline.language.text.tokens import tokenizer
from gapwatch.pipeline.training.examples import own_sentences
from gapwatch.pipeline.training.word_vectors import WordVectors, word_vectors

PRIMARIES = (*GAP_NAMES, "none")

SERVICE_SOURCES = ("shopping10", "hotel", "waimai", "jd_appliance", "bank", "eprstmt", "chnsenticorp_hf")
READING_ONLY = ("cocc_telecom", "restaurant")  # non-commercial terms: never training of shipped weights

_GIVEN_WEIGHT = 3.0  # of a text of the development set, coded twice and settled, against one of ours
_WRITTEN, _WRITTEN_WEIGHT = "own-", 4.0  # sentences of our own say one thing each
_QUESTIONS = 8  # of our plain questions one in so many
_ANY_STAGE = ""  # of a text that says nothing of its stage
_BALANCE = 0.7  # 0 leaves the classes as frequent as they are, 1 makes all count the same
_STRENGTH = 3.0  # inverse of the ridge
_GRAM_SHARE = 0.25
_VECTOR_SHARE = 0.6
_GROUP_SHARE = 3.2
_COMMON_WORDS, _COMMON_SHARE = 60, 0.3  # the most frequent words mean little
_DRAWS = 1_000  # of the bootstrap
_RAREST = 2  # texts
_MOST = 2_000  # units of n-grams that a group of the lexicon may weigh


class CodedText(Struct, frozen=True):
    """A text and its codes."""

    id: str
    text: str
    gaps: list[str]
    primary: str
    dimension: str
    stage: str
    source: str = ""


class Features(NamedTuple):
    """Texts as the model sees them."""

    slots: sparse.csr_matrix  # texts x table, gated and normalised counts
    groups: sparse.csr_matrix  # texts x groups of the lexicon, the same
    none_odds: NDArray[np.float64]  # log-odds that a text gains for none by its sentiment

    def take(self, rows: NDArray[np.intp]) -> "Features":
        """The features of some texts."""
        return Features(self.slots[rows], self.groups[rows], self.none_odds[rows])


class Trained(NamedTuple):
    """Weights before they are made small: a row for each slot of the table."""

    table: NDArray[np.float32]
    groups: NDArray[np.float32]
    bias: NDArray[np.float32]


def learn(folder: Path, more: Sequence[CodedText], folds: int, report: Callable[[str], None]) -> bytes:
    """The weight file learnt from a data folder and `more` labels; reports cross-validated figures if `folds` > 1."""
    given = read_given(folder)
    labels = [*given, *read_ours(folder), *more]
    weights = given_weights(labels, len(given))
    report(f"{len(labels):,} labelled texts, {int((weights > 0).sum()):,} of them learnt from")
    vectors = read_vectors(folder)
    seen = features([label.text for label in labels])
    if folds > 1:
        report(str(score(given, cross_validate(seen, labels, weights, vectors, given=len(given), folds=folds))))
    learnt = np.flatnonzero(weights)
    chosen = [labels[number] for number in learnt]
    return pack(train(seen.take(learnt), chosen, weights[learnt], vectors))


def cross_validate(
    seen: Features,
    labels: Sequence[CodedText],
    weights: NDArray[np.float64],
    vectors: WordVectors,
    *,
    given: int,
    folds: int,
) -> NDArray[np.float32]:
    """Outputs of the first `given` texts, each from a model that has not seen it."""
    outputs = np.zeros((given, OUTPUTS), np.float32)
    parts = StratifiedKFold(folds, shuffle=True, random_state=0)
    for known, held_out in parts.split(labels[:given], [label.primary for label in labels[:given]]):
        rows = np.concatenate([known, np.arange(given, len(labels))])
        rows = rows[weights[rows] > 0]
        fitted = train(seen.take(rows), [labels[row] for row in rows], weights[rows], vectors)
        outputs[held_out] = scores(fitted, seen.take(held_out))
    return outputs


class GapScore(Struct, frozen=True):
    """What was right: macro-F1 over the four gaps and none with its 95 % bootstrap interval, and shares of texts."""

    texts: int
    macro_f1: float
    low: float
    high: float
    primary: float
    dimension: float
    stage: float
    f1: dict[str, float]

    def __str__(self) -> str:
        by_class = ", ".join(f"{name} {value:.2f}" for name, value in self.f1.items())
        return (
            f"primary gap: macro-F1 {self.macro_f1:.3f} ({self.low:.3f}-{self.high:.3f}), "
            f"accuracy {self.primary:.3f}; dimension {self.dimension:.3f}; stage {self.stage:.3f}; n={self.texts}\n"
            f"F1 by primary gap: {by_class}"
        )


def score(labels: Sequence[CodedText], outputs: NDArray[np.float32]) -> GapScore:
    """Compare outputs with labels."""
    primaries = np.array(PRIMARIES)[outputs[:, PRIMARY].argmax(axis=1)]
    dimensions = np.array(DIMENSIONS)[outputs[:, DIMENSION].argmax(axis=1)]
    stages = np.array(STAGES)[outputs[:, STAGE].argmax(axis=1)]
    return compare(labels, primaries, np.where(primaries == "none", "none", dimensions), stages)


def score_reader(labels: Sequence[CodedText]) -> GapScore:
    """Let the reader in force read the texts. Texts it has learnt from flatter it."""
    readings = Reader().read([mask(label.text).text for label in labels])
    read = [(one.primary_gap, one.dimension, one.stage) for one in readings]
    primaries, dimensions, stages = (np.array(column) for column in zip(*read, strict=True))
    return compare(labels, primaries, dimensions, stages)


def compare(
    labels: Sequence[CodedText], primaries: NDArray[np.str_], dimensions: NDArray[np.str_], stages: NDArray[np.str_]
) -> GapScore:
    """Compare what was read with labels."""
    truth = np.array([label.primary for label in labels])
    draws = np.random.default_rng(0).integers(0, len(truth), (_DRAWS, len(truth)))
    macros = np.sort([_macro_f1(truth[draw], primaries[draw]) for draw in draws])
    by_class = f1_score(truth, primaries, labels=PRIMARIES, average=None, zero_division=0)
    return GapScore(
        texts=len(truth),
        macro_f1=_macro_f1(truth, primaries),
        low=float(macros[int(0.025 * _DRAWS)]),
        high=float(macros[int(0.975 * _DRAWS)]),
        primary=float((truth == primaries).mean()),
        dimension=float((np.array([label.dimension for label in labels]) == dimensions).mean()),
        stage=float((np.array([label.stage for label in labels]) == stages).mean()),
        f1=dict(zip(PRIMARIES, by_class.tolist(), strict=True)),
    )


def _macro_f1(truth: NDArray[np.str_], read: NDArray[np.str_]) -> float:
    return float(f1_score(truth, read, labels=PRIMARIES, average="macro", zero_division=0))


def read_labels(path: Path) -> list[CodedText]:
    """CodedText texts of a file, in order. Raises GapwatchError naming the line that cannot be read."""
    labels = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            labels.append(msgjson.decode(line, type=CodedText))
        except ValueError as error:
            raise GapwatchError(
                "{path}, line {number}: {error}; expected id, text, gaps, primary, ...",
                path=path,
                number=number,
                error=error,
            ) from None
    return labels


def read_given(folder: Path) -> list[CodedText]:
    """The development set of a data folder layout out as in docs/language.md."""
    return read_labels(folder / "gaps" / "gaps_dev.jsonl")


def read_ours(folder: Path) -> list[CodedText]:
    """Texts of the data folder that `complaint_labels.jsonl` codes, and our own sentences."""
    texts = dict(_texts(folder))
    coded = map(json.loads, _packaged("complaint_labels.jsonl"))
    ours = [CodedText(text=texts[one["id"]], **one) for one in coded if one["id"] in texts]
    written = [msgjson.decode(line, type=CodedText) for line in _packaged("gap_sentences.jsonl")]
    return [*ours, *written, *_plain_questions()]


def _plain_questions() -> Iterator[CodedText]:
    """Questions and requests that complain of nothing, of whatever stage."""
    asked = [one.text for one in own_sentences() if one.label == "neutral"]
    for text in asked[::_QUESTIONS]:
        yield CodedText(f"{_WRITTEN}{text}", text, ["none"], "none", "none", _ANY_STAGE)


def read_vectors(folder: Path) -> WordVectors:
    """Word vectors of every text of the data folder that may be learnt from."""
    cut = tokenizer().cut
    return word_vectors(cut(normalise(text).text) for _, text in _texts(folder))


def features(texts: Sequence[str], sentiment: SentimentModel | None = None) -> Features:
    """What the model sees of each text, its clauses weighed by their sentiment; exactly as the reader finds them."""
    batch = Batch.of([normalise(text).text for text in texts], tokenizer().cut)
    hits = find_hits(batch.layout, Lexicon.shipped().arrays)
    sentiment_scores = (sentiment or SentimentModel.configured()).score(batch)
    gates = gaps_model.gate(batch, sentiment_scores.clauses)
    factors = np.asarray(gates / np.repeat(gaps_model.norms(batch, gates), batch.counts), np.float32)
    scores = [verdict(*odds)[0] for odds in zip(sentiment_scores.positive, sentiment_scores.neutral, strict=True)]
    return Features(_counts(batch, factors), _group_counts(batch, hits, factors), gaps_model.none_odds(scores))


def train(seen: Features, labels: Sequence[CodedText], weights: NDArray[np.float64], vectors: WordVectors) -> Trained:
    """Fit logistic regressions; the same input gives the same weights."""
    appears = np.asarray((seen.slots > 0).sum(axis=0)).ravel()
    kept = np.flatnonzero(appears >= _RAREST)
    rarity = (np.log(len(labels) / appears[kept]) + 1) * _GRAM_SHARE
    fold = _fold_matrix(vectors)
    groups = seen.groups.toarray() * _GROUP_SHARE
    dense = np.hstack([seen.slots @ fold, groups])
    counts = seen.slots[:, kept].multiply(rarity).tocsr()
    solution = _fit(sparse.hstack([counts, sparse.csr_matrix(dense)]).tocsr(), labels, weights)
    small, rest = solution[: len(kept)], solution[len(kept) :]
    table = np.asarray(fold @ rest[: fold.shape[1]])
    table[kept] += small * rarity[:, None]
    spoken, bias = rest[fold.shape[1] : -1], rest[-1]
    return Trained(table.astype(np.float32), (spoken * _GROUP_SHARE).astype(np.float32), bias.astype(np.float32))


def scores(trained: Trained, seen: Features) -> NDArray[np.float32]:
    """Outputs of each text."""
    outputs = np.asarray(seen.slots @ trained.table + seen.groups @ trained.groups + trained.bias, np.float32)
    outputs[:, NONE] += seen.none_odds
    return outputs


def pack(trained: Trained, most: int = 60_000) -> bytes:
    """The weight file: the `most` heaviest rows, one byte a weight."""
    heaviest = np.sort(np.argsort(-np.abs(trained.table).max(axis=1), kind="stable")[:most])
    table = trained.table[heaviest]
    scale = np.abs(table).max(axis=0) / 127
    file = io.BytesIO()
    np.savez_compressed(
        file,
        slots=heaviest.astype(np.uint32),
        weights=np.round(table / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        groups=np.clip(np.round(trained.groups / scale), -_MOST, _MOST).astype(np.int16),
        bias=np.asarray(trained.bias, np.float32),
    )
    return file.getvalue()


def given_weights(labels: Sequence[CodedText], given: int) -> NDArray[np.float64]:
    """Weight of each text when the first `given` of them are the development set's; 0 where terms forbid learning."""
    weights = np.array([_WRITTEN_WEIGHT if label.id.startswith(_WRITTEN) else 1.0 for label in labels])
    weights[:given] = [0 if label.source in READING_ONLY else _GIVEN_WEIGHT for label in labels[:given]]
    return weights


def _fit(seen: sparse.csr_matrix, labels: Sequence[CodedText], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of each feature for each output, the bias last; each output is a question of its own."""
    targets = _targets(labels)
    known = np.ones((len(labels), OUTPUTS), np.bool_)
    known[:, DIMENSION] = [[label.dimension != "none"] for label in labels]
    known[:, STAGE] = [[label.stage != _ANY_STAGE] for label in labels]
    solution = np.zeros((seen.shape[1] + 1, OUTPUTS))
    for output, (wanted, asked) in enumerate(zip(targets.T, known.T, strict=True)):
        model = LogisticRegression(C=_STRENGTH, solver="liblinear", tol=1e-2, random_state=0)
        model.fit(seen[asked], wanted[asked], sample_weight=_of_output(output, labels, weights)[asked])
        solution[:-1, output] = model.coef_[0]
        solution[-1, output] = model.intercept_[0]
    return solution


def _group_counts(batch: Batch, hits: Integers, factors: NDArray[np.float32]) -> sparse.csr_matrix:
    """Texts by groups of the lexicon, each counting by the factor of its clause."""
    groups, clauses = hits.T
    texts = np.searchsorted(batch.first, clauses, "right") - 1
    shape = (len(batch.texts), len(Lexicon.shipped().groups))
    return sparse.coo_matrix((factors[clauses], (texts, groups)), shape=shape).tocsr()


def _targets(labels: Sequence[CodedText]) -> NDArray[np.float64]:
    targets = np.zeros((len(labels), OUTPUTS))
    for row, label in zip(targets, labels, strict=True):
        row[PRIMARY.start + PRIMARIES.index(label.primary)] = 1
        if label.stage != _ANY_STAGE:
            row[STAGE.start + STAGES.index(label.stage)] = 1
        if label.dimension != "none":
            row[DIMENSION.start + DIMENSIONS.index(label.dimension)] = 1
        for gap in label.gaps:
            if gap != "none":
                row[GAPS.start + GAP_NAMES.index(gap)] = 1
    return targets


def _of_output(output: int, labels: Sequence[CodedText], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each text for an output: a rare primary gap counts for more."""
    if output >= PRIMARY.stop:
        return weights
    classes = np.array([PRIMARIES.index(label.primary) for label in labels])
    totals = np.bincount(classes, weights, len(PRIMARIES))
    factors = (weights.sum() / len(PRIMARIES) / np.maximum(totals, 1)) ** _BALANCE
    return np.asarray(weights * factors[classes])


def _fold_matrix(vectors: WordVectors) -> NDArray[np.float32]:
    """Table of n-grams by parts of word vectors: the vector of each known word at the slot of that word."""
    slots = ngrams.word_slots(vectors.words, gaps_model.BITS)
    share = np.full(len(vectors.words), _VECTOR_SHARE)
    share[:_COMMON_WORDS] *= _COMMON_SHARE
    shape = (1 << gaps_model.BITS, len(vectors.words))
    places = sparse.csr_matrix((share, (slots, np.arange(len(vectors.words)))), shape=shape)
    return np.asarray(places @ vectors.vectors, np.float32)


def _counts(batch: Batch, factors: NDArray[np.float32]) -> sparse.csr_matrix:
    """Texts by slots of the table, each n-gram counting by the factor of its clause."""
    clauses = batch.clause_of(gaps_model.KINDS)
    texts = np.repeat(np.arange(len(batch.texts)), batch.counts)
    slots = batch.slots(gaps_model.BITS, gaps_model.KINDS)
    shape = (len(batch.texts), 1 << gaps_model.BITS)
    return sparse.coo_matrix((factors[clauses], (texts[clauses], slots)), shape=shape).tocsr()


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Id and text of everything that may be learnt from."""
    for line in _lines(folder / "gaps" / "complaints_unlabelled.jsonl"):
        row = json.loads(line)
        if row["source"] not in READING_ONLY:
            yield row["id"], row["text"]
    for line in _lines(folder / "data" / "sentiment_train.jsonl.gz"):
        row = json.loads(line)
        if row["source"] in SERVICE_SOURCES:
            yield row["id"], row["text"]


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise GapwatchError(
            "{path} is missing; --data names a folder with data/ and gaps/, see docs/language.md", path=path
        )
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [line for line in text.split("\n") if line]


def _packaged(name: str) -> list[str]:
    return resources.files("gapwatch.pipeline.training").joinpath(name).read_text("utf-8").splitlines()
