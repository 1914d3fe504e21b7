"""N-grams of texts laid side by side, and what packed weights add up to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.language import ngrams
from pipeline.language.ngrams import HEAVIEST, KINDS, Batch
from pipeline.language.tokens import tokenizer

CUT = tokenizer().cut
BITS = 12
WEIGHTS = np.random.default_rng(0).integers(-HEAVIEST, HEAVIEST + 1, (1 << BITS, 5)).astype(np.int16)
PACKED = ngrams.pack(WEIGHTS, np.int64)
TEXTS = ["物流很快，但是包装破了", "", "？！", "还行吧", "型号a12345678b，不错", "不但是坏的"]


def sums(batch: Batch, kinds: int = KINDS) -> NDArray[np.int64]:
    return ngrams.unpack(batch.clause_sums(PACKED.take(batch.slots(BITS, kinds), axis=0), kinds))


@pytest.mark.parametrize("kinds", [KINDS, 4])
def test_a_clause_is_the_sum_of_its_ngrams(kinds: int) -> None:
    batch = ngrams.lay(TEXTS, CUT)
    expected = np.zeros((batch.size, 6), np.int64)
    np.add.at(expected[:, :5], batch.clause_of(kinds), WEIGHTS[batch.slots(BITS, kinds)[:-1]])
    assert (sums(batch, kinds) == expected).all()


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_a_text_has_the_same_ngrams_alone(texts: list[str]) -> None:
    together = sums(ngrams.lay(texts, CUT))
    alone = np.concatenate([sums(ngrams.lay([text], CUT)) for text in texts])
    assert (together == alone).all()


def test_the_ngrams_of_a_clause_begin_at_its_places() -> None:
    batch = ngrams.lay(TEXTS, CUT)
    places = batch.place_sums(PACKED.take(batch.slots(BITS), axis=0), 0, batch.places)
    assert (ngrams.unpack(np.add.reduceat(places, batch.begins)) == sums(batch)).all()


def test_two_weights_fit_in_thirty_two_bits() -> None:
    heaviest = np.array([[HEAVIEST, -HEAVIEST], [-HEAVIEST, HEAVIEST]], np.int16)
    packed = ngrams.pack(heaviest, np.int32)
    assert (ngrams.unpack(packed.astype(np.int64))[:, :2] == heaviest).all()
    many = packed.astype(np.int64) * 1_218
    assert (ngrams.unpack(many)[:, :2] == heaviest.astype(np.int64) * 1_218).all()


def test_a_word_has_the_slot_it_has_in_a_text() -> None:
    (slot,) = ngrams.word_slots(["物流"], BITS)
    batch = ngrams.lay(["物流"], CUT)
    assert slot == batch.slots(BITS)[ngrams.ORDERS * batch.places + 1]


def test_words_of_one_beginning_differ_by_their_length() -> None:
    assert len(set(ngrams.word_slots(["abcd", "abcde", "abcdef"], 22).tolist())) == 3
