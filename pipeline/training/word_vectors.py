"""Vectors of words from the company they keep, so that a label for one word helps its neighbours.

Positive pointwise mutual information within four words, reduced by a seeded singular value decomposition.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

WINDOW = 4
SIZE = 120
RAREST = 5  # occurrences
_CONTEXT_POWER = 0.75  # smooths the counts of contexts (Levy, Goldberg and Dagan, 2015)


class WordVectors(NamedTuple):
    """`vectors[i]`, of length 1, belongs to `words[i]`; the most frequent words come first."""

    words: list[str]
    vectors: NDArray[np.float32]


def word_vectors(texts: Iterable[Sequence[str]]) -> WordVectors:
    """Learn from tokenized texts."""
    documents = [list(text) for text in texts]
    counts = Counter(word for document in documents for word in document)
    words = sorted((word for word, count in counts.items() if count >= RAREST), key=lambda word: (-counts[word], word))
    u, s, _ = randomized_svd(_information(_pairs(documents, words)), SIZE, random_state=0, n_iter=4)
    vectors = u * np.sqrt(s)
    # What all words share tells nothing and slows learning (Mu and Viswanath, 2018).
    vectors -= np.average(vectors, axis=0, weights=[counts[word] for word in words])
    return WordVectors(words, (vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)).astype(np.float32))


def _pairs(documents: Sequence[Sequence[str]], words: Sequence[str]) -> sparse.csr_matrix:
    """How often two words stand near each other; a neighbour at distance n counts 1/n."""
    numbers = {word: number for number, word in enumerate(words)}
    stream = [number for document in documents for number in [*(numbers.get(w, -1) for w in document), *[-1] * WINDOW]]
    ids = np.array(stream, np.int32)
    near = sparse.csr_matrix((len(words), len(words)))
    for distance in range(1, WINDOW + 1):
        left, right = ids[:-distance], ids[distance:]
        known = (left >= 0) & (right >= 0)
        weights = np.full(known.sum(), 1 / distance)
        near = near + sparse.coo_matrix((weights, (left[known], right[known])), shape=near.shape).tocsr()
    return near + near.T


def _information(near: sparse.csr_matrix) -> sparse.csr_matrix:
    totals = np.asarray(near.sum(axis=1)).ravel()
    contexts = totals**_CONTEXT_POWER
    found = near.tocoo()
    information = np.log(found.data * contexts.sum() / (totals[found.row] * contexts[found.col]))
    positive = information > 0
    return sparse.csr_matrix((information[positive], (found.row[positive], found.col[positive])), shape=near.shape)
