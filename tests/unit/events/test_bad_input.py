"""The whole reading of texts that nobody should write: always a reading, always in bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.language.reading import Reading

LONG = 100_000
ODD = [
    "", " ", "\n\t", "\x00", "\ud800", "😀", "😀😡👎", "。", "……", "？！", "<br>", "&amp;", "‹电话›", "[泪]", "\u200b", "\ufeff",
    "好" * LONG, "1" * LONG, "！" * LONG, " " * LONG, "😡" * LONG, "a" * LONG, "\x00" * LONG, "\ud800" * LONG,
    "差，" * (LONG // 2), "王先生" * (LONG // 3), "1-" * (LONG // 2), "<a " * (LONG // 3), "(^" * (LONG // 2),
    "說好三天，13812345678 still not here :( <br/>😡" * 2_000,
]  # fmt: skip


READER = Reader()


def assert_in_bounds(reading: Reading) -> None:
    assert -1 <= reading.sentiment_score <= 1
    assert 0 <= reading.severity <= 1
    assert (reading.primary_gap == "none") == (not reading.gaps)
    for item in reading.evidence:
        assert reading.text[item.start : item.end] == item.text
        assert item.gap in reading.gaps
    for clause in reading.clauses:
        assert 0 <= clause.start <= clause.end <= len(reading.text)


@pytest.mark.parametrize("text", ODD, ids=lambda text: f"{text[:8]!a} x {len(text)}")
def test_odd_texts(text: str) -> None:
    for reading in READER.read([text]):
        assert_in_bounds(reading)


def test_odd_texts_together() -> None:
    assert len(READER.read(ODD)) == len(ODD)
    assert READER.read([]) == []


def test_a_text_without_words_is_neutral() -> None:
    for reading in READER.read(["", "  ", "\n", "\x00", "\u200b"]):
        assert (reading.sentiment, reading.primary_gap) == ("neutral", "none")


@given(st.lists(st.text(max_size=80), max_size=4))
@settings(deadline=None)
def test_any_text(texts: list[str]) -> None:
    readings = READER.read(texts)
    assert len(readings) == len(texts)
    for reading in readings:
        assert_in_bounds(reading)


@given(
    st.lists(
        st.text(alphabet="好差不没退货款客服物流，。！？但是说123 😡\ud800<>", max_size=40), min_size=1, max_size=4
    )
)
@settings(deadline=None)
def test_a_text_reads_the_same_alone_and_in_company(texts: list[str]) -> None:
    """Or a replay in other batches would change what is stored."""
    assert READER.read(texts) == [READER.read([text])[0] for text in texts]
