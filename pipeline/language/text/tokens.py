"""Cutting a text into words."""

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import rjieba

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.settings import settings


class Tokenizer(Protocol):
    """Cuts a text into tokens that, joined, are the text again."""

    def cut(self, text: str) -> list[str]: ...


class Word(NamedTuple):
    """A line of a user dictionary: the word, how frequent (None: enough to be kept whole), its part of speech."""

    text: str
    frequency: int | None = None
    tag: str | None = None


# rjieba keeps 2008-6-1 or sarah.l whole, jieba cuts them into runs of these; nothing else differs in 99.99 % of texts.
_JOINED = re.compile(r"[-_.%](?:(?<=[0-9A-Za-z].)|(?=[0-9A-Za-z]))")
_RUN = re.compile(r"[a-zA-Z0-9]+(?:\.[0-9]+)?%?|[^a-zA-Z0-9]+")


class RjiebaTokenizer:
    """jieba's dictionary and hidden Markov model in Rust, cutting ASCII as jieba does."""

    def __init__(self, words: Iterable[Word] = ()) -> None:
        jieba = rjieba.Jieba()
        for word in words:
            jieba.add_word(*word)
        self._cut = jieba.cut

    def cut(self, text: str) -> list[str]:
        try:
            tokens: list[str] = self._cut(text)
        except UnicodeEncodeError:  # half of a surrogate pair
            tokens = self._cut(_SURROGATE.sub("\ufffd", text))
        return list(_split_ascii(tokens)) if _JOINED.search(text) else tokens


_SURROGATE = re.compile("[\ud800-\udfff]")


def _split_ascii(tokens: Iterable[str]) -> Iterator[str]:
    for token in tokens:
        if token.isascii() and not token.isalnum() and len(token) > 1:
            yield from _RUN.findall(token)
        else:
            yield token


class JiebaTokenizer:
    """jieba itself, the reference: the same dictionary and hidden Markov model, more than ten times slower."""

    def __init__(self, words: Iterable[Word] = ()) -> None:
        self._jieba = jieba_tokenizer(words)

    def cut(self, text: str) -> list[str]:
        tokens: list[str] = self._jieba.lcut(text)
        return tokens


def jieba_tokenizer(words: Iterable[Word] = ()) -> Any:
    """A `jieba.Tokenizer` that also knows these words."""
    import jieba  # noqa: PLC0415 - 0.7 s and 90 MB that only the reference needs

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    # jieba unmarshals its cache: not from a directory where others may write.
    cache = settings().data_dir / "jieba"
    cache.mkdir(parents=True, exist_ok=True)
    tokenizer.tmp_dir = str(cache)
    tokenizer.initialize()
    for word in words:
        tokenizer.add_word(*word)
    return tokenizer


def tokenizer() -> Tokenizer:
    """The one that GAPWATCH_TOKENIZER names, with the words of GAPWATCH_DICTIONARY."""
    words = user_words()
    return JiebaTokenizer(words) if settings().tokenizer == "jieba" else RjiebaTokenizer(words)


def user_words() -> list[Word]:
    """The words of GAPWATCH_DICTIONARY; none where it is unset. Raises SettingsError naming the line it cannot read."""
    file = settings().dictionary
    return list(_read_dictionary(file)) if file else []


def _read_dictionary(file: Path) -> Iterator[Word]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("GAPWATCH_DICTIONARY: {file} cannot be read: {error}", file=file, error=error) from None
    for number, line in enumerate(lines, start=1):
        match line.split():
            case []:
                continue
            case [text]:
                yield Word(text)
            case [text, frequency, *rest] if frequency.isdigit() and len(rest) < 2:
                yield Word(text, int(frequency), *rest)
            case [text, tag] if tag.isalpha():
                yield Word(text, None, tag)
            case _:
                raise SettingsError(
                    "GAPWATCH_DICTIONARY: {file}, line {number}: {line!r}; expected a word[ frequency][ tag]",
                    file=file,
                    number=number,
                    line=line,
                )
