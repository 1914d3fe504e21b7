"""The phrases of complaints, found in one pass over a text."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import product
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled, inlined
from gapwatch.pipeline.language.models import phrases
from gapwatch.pipeline.language.models.ngrams import Integers, Layout
from gapwatch.pipeline.language.models.phrases import Phrases
from gapwatch.pipeline.language.reading import Dimension, Gap, Stage

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_NEGATORS = ("没", "不", "未", "无", "没有", "不会", "不是", "不算", "没啥", "没什么", "毫无", "不太")
_LONGEST_NEGATOR = max(map(len, _NEGATORS))
_NONE = -1


class Group(Struct, frozen=True):
    """Phrases and word pairs that mean one thing, and the code the guide gives it."""

    gap: Gap | str
    dimension: Dimension
    stage: Stage
    phrases: str
    pairs: tuple[str, ...]
    negatable: bool = True


class Meanings(NamedTuple):
    """What each word says: a group (`_NONE` where none) and a concept (the same); the group that two concepts make."""

    groups: NDArray[np.int64]
    concepts: NDArray[np.int64]
    pairs: NDArray[np.int64]
    negatable: NDArray[np.bool_]


class LexiconArrays(NamedTuple):
    """A lexicon as the compiled functions see it."""

    words: Phrases
    negators: Phrases
    meanings: Meanings


class Lexicon:
    """Finds the groups of `gaps_lexicon.toml`. `groups` are their codes, `names` their names, in one order."""

    def __init__(self, source: str) -> None:
        document = tomllib.loads(source)
        self._reasonless = frozenset(document["reasonless"].split())
        self.names: tuple[str, ...] = tuple(document["groups"])
        self.groups = tuple(_group(table) for table in document["groups"].values())
        group_of = {word: number for number, group in enumerate(self.groups) for word in expand(group.phrases)}
        concepts = {name: number for number, name in enumerate(document["concepts"])}
        concept_of = {word: number for name, number in concepts.items() for word in expand(document["concepts"][name])}
        words = list(group_of | concept_of)
        meanings = Meanings(
            np.array([group_of.get(word, _NONE) for word in words]),
            np.array([concept_of.get(word, _NONE) for word in words]),
            _pairs(self.groups, concepts),
            np.array([group.negatable for group in self.groups]),
        )
        self.arrays = LexiconArrays(Phrases.of(words), Phrases.of(_NEGATORS), meanings)

    @classmethod
    @cache
    def shipped(cls) -> "Lexicon":
        """The lexicon of this package."""
        return cls(
            resources.files("gapwatch.pipeline.language.models").joinpath("gaps_lexicon.toml").read_text("utf-8")
        )

    def gives_reason(self, tokens: Sequence[str]) -> bool:
        """Whether a text says more than whether its writer is content."""
        return not self._reasonless.issuperset(token for token in tokens if not token.isspace())


@compiled
def find_hits(layout: Layout, lexicon: LexiconArrays) -> Integers:
    """Every group that speaks in a batch: its number and that of the clause, a row each, in order."""
    meanings, negators = lexicon.meanings, lexicon.negators
    matches = phrases.find(layout, lexicon.words)
    hits = np.empty((len(matches) + len(meanings.pairs), 2), np.int64)
    count = 0
    seen = np.zeros(len(meanings.pairs), np.bool_)
    clause = _NONE
    for row in range(len(matches)):
        word, place = matches[row, 0], matches[row, 2]
        if matches[row, 1] != clause:
            clause = matches[row, 1]
            seen[:] = False
        if count + len(seen) >= len(hits):
            hits = np.concatenate((hits, np.empty_like(hits)))
        group, concept = meanings.groups[word], meanings.concepts[word]
        if group != _NONE and _is_said(layout, place, meanings, group, negators):
            hits[count] = group, clause
            count += 1
        if concept == _NONE:
            continue
        for other in range(len(seen)):
            if seen[other]:
                group = meanings.pairs[concept, other]
                if group != _NONE and _is_said(layout, place, meanings, group, negators):
                    hits[count] = group, clause
                    count += 1
        seen[concept] = True
    return hits[:count].copy()


@inlined
def _is_said(layout: Layout, place: int, meanings: Meanings, group: int, negators: Phrases) -> bool:
    """Whether no negator stands right before the word at a place."""
    return not (meanings.negatable[group] and phrases.stands_before(negators, layout.codes, place, _LONGEST_NEGATOR))


def _group(table: dict[str, object]) -> Group:
    return Group(**{**table, "pairs": tuple(table["pairs"])})  # type: ignore[arg-type]


def _pairs(groups: Sequence[Group], concepts: dict[str, int]) -> NDArray[np.int64]:
    """The group that two concepts make, in either order; `_NONE` where they make none."""
    pairs = np.full((len(concepts), len(concepts)), _NONE)
    for number, group in enumerate(groups):
        for pair in group.pairs:
            first, second = (concepts[name] for name in pair.split())
            pairs[first, second] = pairs[second, first] = number
    return pairs


def expand(patterns: str) -> Iterator[str]:
    """The words of blank-separated patterns, each alternative written out."""
    for pattern in patterns.split():
        pieces = [piece.split("|") for piece in _ALTERNATIVES.split(pattern)]
        yield from map("".join, product(*pieces))
