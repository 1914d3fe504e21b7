"""N-grams of texts laid side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.language.models import ngrams
from gapwatch.pipeline.language.models.ngrams import KINDS, PAD, Batch
from gapwatch.pipeline.language.text.tokens import tokenizer

CUT = tokenizer().cut
BITS = 22
TEXTS = ["物流很快，但是包装破了", "", "？！", "还行吧", "型号a12345678b，不错", "不但是坏的"]


def of_clauses(batch: Batch, kinds: int = KINDS) -> list[list[int]]:
    """The slots of each clause, in no order."""
    slots, clauses = batch.slots(BITS, kinds), batch.clause_of(kinds)
    return [sorted(slots[clauses == clause].tolist()) for clause in range(batch.size)]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=5))
def test_a_text_has_the_same_ngrams_alone(texts: list[str]) -> None:
    alone = [clause for text in texts for clause in of_clauses(Batch.of([text], CUT))]
    assert of_clauses(Batch.of(texts, CUT)) == alone


def test_clauses_are_what_stands_between_punctuation_and_before_a_turn() -> None:
    batch = Batch.of(TEXTS, CUT)
    said = [[text[start:end] for start, end in spans] for text, spans in zip(batch.texts, batch.spans, strict=True)]
    assert said == [["物流很快", "但是包装破了"], [], [], ["还行吧"], ["型号a12345678b", "不错"], ["不", "但是坏的"]]
    assert batch.counts.tolist() == [2, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("但是", ["是"]),
        ("好但是", ["好", "是"]),
        ("但是但是好", ["是", "但是好"]),
        ("好" * 450, ["好" * 200, "好" * 200, "好" * 50]),
    ],
)
def test_a_turn_that_nothing_follows_and_a_clause_without_end(text: str, clauses: list[str]) -> None:
    (spans,) = Batch.of([text], CUT).spans
    assert [text[start:end] for start, end in spans] == clauses


def test_each_character_and_word_begins_ngrams() -> None:
    batch = Batch.of(["物流慢"], CUT)
    places = len("物流慢") + PAD
    assert len(batch.slots(BITS)) == 4 * places + 2 * (1 + len(batch.tokens[0]))
    assert np.bincount(batch.place_of())[:places].min() >= 4


def test_the_last_kinds_are_shared() -> None:
    batch = Batch.of(TEXTS, CUT)
    for every, shared in zip(of_clauses(batch), of_clauses(batch, 4), strict=True):
        assert set(shared) <= set(every)
    assert len(batch.slots(BITS, 4)) < len(batch.slots(BITS))


def test_a_word_has_the_slot_it_has_in_a_text() -> None:
    (slot,) = ngrams.word_slots(["物流"], BITS)
    assert slot in Batch.of(["物流"], CUT).slots(BITS)


def test_words_of_one_beginning_differ_by_their_length() -> None:
    assert len(set(ngrams.word_slots(["abcd", "abcde", "abcdef"], BITS).tolist())) == 3


def test_tokens_that_are_not_the_text_are_refused() -> None:
    with pytest.raises(ValueError, match="are not the text"):
        Batch.of(["物流慢"], lambda _: ["物流"])
