"""The terms that mark a set of texts, for dashboards and the report."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from gapwatch.pipeline.language.text.tokens import jieba_tokenizer, user_words

_MASK = re.compile("‹[^›]*›")


class Keyword(NamedTuple):
    """A term and its TF-IDF weight within the texts, against jieba's general Chinese."""

    term: str
    weight: float


def keywords(texts: Iterable[str], count: int = 20) -> list[Keyword]:
    """The `count` heaviest terms of masked texts taken together. jieba's speed: some 3,000 texts a second."""
    found = _extractor().extract_tags(_MASK.sub(" ", "\n".join(texts)), topK=count, withWeight=True)
    return [Keyword(term, weight) for term, weight in found]


@cache
def _extractor() -> Any:
    import jieba.analyse  # noqa: PLC0415 - see jieba_tokenizer

    extractor = jieba.analyse.TFIDF()
    extractor.tokenizer = jieba_tokenizer(user_words())
    return extractor
