"""The plain copy of a text, and the way back."""

from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.language.masking.folding import fold, folded

PIECES = st.sampled_from(
    [
        "1",
        "①",
        "１",
        "&#49;",
        "&amp;",
        "%31",
        "%E4%B8%AD",
        "<br>",
        "</span>",
        "\u200b",
        "1\ufe0f\u20e3",
        "電",
        "ａ",
        "𝟏",
        "é",
        "王",
    ]
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join))


@given(TEXTS)
def test_every_character_knows_where_it_came_from(text: str) -> None:
    copy = fold(text)
    assert len(copy.text) == len(copy.starts) == len(copy.ends)
    assert list(copy.starts) == sorted(copy.starts)
    for start, end in zip(copy.starts, copy.ends, strict=True):
        assert 0 <= start < end <= len(text)


@given(TEXTS)
def test_the_copy_alone_is_the_same(text: str) -> None:
    assert folded(text) == fold(text).text


@given(st.text(alphabet="0123456789abcxyz，。！的了王小明", max_size=40))
def test_a_plain_text_is_its_own_copy(text: str) -> None:
    assert folded(text) is text
    assert list(fold(text).starts) == list(range(len(text)))
