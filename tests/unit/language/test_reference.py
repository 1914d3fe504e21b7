"""The reference engines: plain jieba and SnowNLP, chosen by setting."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.language.reference import SnowNLPSentiment
from gapwatch.pipeline.language.text.tokens import JiebaTokenizer, tokenizer
from gapwatch.pipeline.settings import settings

ODD = ["", "   ", "😊", "\n", "？？？", "‹电话›", "a\u3000b", "物流很快，但是包装破了"]


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def snownlp(monkeypatch: pytest.MonkeyPatch) -> Reader:
    pytest.importorskip("snownlp")
    monkeypatch.setenv("GAPWATCH_SENTIMENT", "snownlp")
    settings.cache_clear()
    return Reader()


def test_jieba_by_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAPWATCH_TOKENIZER", "jieba")
    settings.cache_clear()
    reference = tokenizer()
    assert isinstance(reference, JiebaTokenizer)
    assert [reference.cut(text) for text in ODD[-1:]] == [["物流", "很快", "，", "但是", "包装", "破", "了"]]
    assert list((tmp_path / "jieba").iterdir())


@pytest.mark.parametrize("name", ["rjieba", "jieba"])
def test_tokens_joined_are_the_text(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("GAPWATCH_TOKENIZER", name)
    settings.cache_clear()
    cut = tokenizer().cut
    assert ["".join(cut(text)) for text in ODD] == ODD


def test_snownlp_by_setting(snownlp: Reader) -> None:
    good, bad = snownlp.read(["质量很好，非常喜欢，推荐购买", "质量太差了，垃圾，后悔"])
    assert good.sentiment == "positive"
    assert bad.sentiment == "negative"
    assert snownlp.version.startswith("snownlp-")


def test_snownlp_reads_what_makes_it_fail(snownlp: Reader) -> None:
    readings = snownlp.read(ODD)
    assert len(readings) == len(ODD)
    assert all(-1 <= reading.sentiment_score <= 1 for reading in readings)
    assert (readings[0].sentiment, readings[0].sentiment_score) == ("neutral", 0)
    assert all(token.weight == 0 for token in snownlp.explain(ODD[-1]))


def test_snownlp_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snownlp", None)
    with pytest.raises(SettingsError, match="pip install snownlp"):
        SnowNLPSentiment()
