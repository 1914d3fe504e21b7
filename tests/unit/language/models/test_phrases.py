"""Phrases found in texts, as a search written plainly finds them."""

from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.language.models import ngrams, phrases
from gapwatch.pipeline.language.models.ngrams import Batch
from gapwatch.pipeline.language.models.phrases import Phrases

WORDS = st.text("送到货慢", min_size=1, max_size=4)


@given(
    st.lists(WORDS, min_size=1, max_size=12, unique=True),
    st.lists(st.text("送到货慢，x𠀀", max_size=30), min_size=1, max_size=4),
)
def test_the_longest_from_left_to_right(words: list[str], texts: list[str]) -> None:
    batch = Batch.of(texts, list)
    found = [(words[phrase], int(place)) for phrase, _, place in phrases.find(batch.layout, Phrases.of(words))]
    expected, zero = [], ngrams.PAD
    for text in texts:
        expected += [(word, zero + start) for word, start in plainly(words, text)]
        zero += len(text) + ngrams.PAD
    assert found == expected


@given(st.text("没有不破损", max_size=8))
def test_what_stands_before(text: str) -> None:
    words = ["没", "没有", "不"]
    layout = Batch.of([text], list).layout
    before = phrases.stands_before(Phrases.of(words), layout.codes, ngrams.PAD + len(text), 2)
    assert before == text.endswith(tuple(words))


def test_of_equal_phrases_the_first_counts() -> None:
    layout = Batch.of(["送货"], list).layout
    assert phrases.find(layout, Phrases.of(["送货", "送货"]))[:, 0].tolist() == [0]


def plainly(words: list[str], text: str) -> list[tuple[str, int]]:
    found, place = [], 0
    while place < len(text):
        here = [word for word in words if text.startswith(word, place)]
        if here:
            found.append((max(here, key=len), place))
            place += len(found[-1][0])
        else:
            place += 1
    return found
