"""Cutting: rjieba as jieba does it, with the same words of one's own."""

import json
import random
from pathlib import Path

import pytest
from support.repository import DEVELOPMENT_DATA

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.language.text.tokens import JiebaTokenizer, RjiebaTokenizer, Word, user_words
from gapwatch.pipeline.settings import settings

DEV = DEVELOPMENT_DATA / "sentiment_dev.jsonl"
SENTENCES = [
    "2008-6-1 到货，2-3天就坏了，2_5 也是",
    "联系sarah.l或者a@b.com",
    "涨了3.5%，-_- 无语。。。....",
    "iPhone-15的Wi-Fi断断续续",
    "",
    " \n ",
]


@pytest.fixture(scope="module")
def jieba() -> JiebaTokenizer:
    return JiebaTokenizer()


@pytest.mark.parametrize("text", SENTENCES)
def test_cuts_ascii_as_jieba_does(text: str, jieba: JiebaTokenizer) -> None:
    assert RjiebaTokenizer().cut(text) == jieba.cut(text)


@pytest.mark.skipif(not DEV.exists(), reason="the shared texts are not here")
def test_real_texts_are_cut_alike(jieba: JiebaTokenizer) -> None:
    texts = [json.loads(line)["text"] for line in DEV.read_text(encoding="utf-8").splitlines()]
    sample = random.Random(0).sample(texts, 400)
    ours = RjiebaTokenizer()
    assert sum(ours.cut(text) != jieba.cut(text) for text in sample) <= 1


def test_tokens_joined_are_the_text() -> None:
    text = "好\ud800坏 a-b_c.d@e 😀\x00\r\n末"
    assert len("".join(RjiebaTokenizer().cut(text))) == len(text)


def test_a_dictionary_is_honoured_by_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "words.txt"
    file.write_text("真不戳\n奥利给牌 5 nz\n\n破壁机 n\n", encoding="utf-8")
    monkeypatch.setenv("GAPWATCH_DICTIONARY", str(file))
    settings.cache_clear()
    try:
        words = user_words()
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert words == [Word("真不戳"), Word("奥利给牌", 5, "nz"), Word("破壁机", None, "n")]
    expected = ["这个", "奥利给牌", "的", "破壁机", "真不戳"]
    assert RjiebaTokenizer(words).cut("这个奥利给牌的破壁机真不戳") == expected
    assert JiebaTokenizer(words).cut("这个奥利给牌的破壁机真不戳") == expected


def test_a_wrong_line_of_the_dictionary_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "words.txt"
    file.write_text("真不戳\n破壁机 many n\n", encoding="utf-8")
    monkeypatch.setenv("GAPWATCH_DICTIONARY", str(file))
    settings.cache_clear()
    try:
        with pytest.raises(SettingsError, match="line 2"):
            user_words()
    finally:
        monkeypatch.undo()
        settings.cache_clear()
