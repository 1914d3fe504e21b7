"""Cutting a text into words."""

import logging
from typing import Protocol

import rjieba

from pipeline.settings import settings


class Tokenizer(Protocol):
    """Cuts a text into tokens that, joined, are the text again."""

    def cut(self, text: str) -> list[str]: ...


class JiebaTokenizer:
    """jieba itself, the reference: the same dictionary and hidden Markov model, some fifty times slower."""

    def __init__(self) -> None:
        import jieba  # noqa: PLC0415 - 0.7 s and 90 MB that only the reference needs

        jieba.setLogLevel(logging.WARNING)
        self._jieba = jieba.Tokenizer()
        # jieba unmarshals its cache: not from a directory where others may write.
        cache = settings().data_dir / "jieba"
        cache.mkdir(parents=True, exist_ok=True)
        self._jieba.tmp_dir = str(cache)
        self._jieba.initialize()

    def cut(self, text: str) -> list[str]:
        tokens: list[str] = self._jieba.lcut(text)
        return tokens


def tokenizer() -> Tokenizer:
    """The one that GAPWATCH_TOKENIZER names: rjieba (jieba's dictionary and model, in Rust) or jieba."""
    if settings().tokenizer == "jieba":
        return JiebaTokenizer()
    cutter: Tokenizer = rjieba.Jieba()
    return cutter
