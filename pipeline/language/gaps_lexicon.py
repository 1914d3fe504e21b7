"""The phrases of complaints, found in one pass over a text."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import product
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, MatchKind
from msgspec import Struct

from pipeline.language.reading import Dimension, Gap, Stage

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_REACH = 8  # words of concepts back that a pair may span; also what keeps an endless clause linear
_NEGATORS = ("没", "不", "未", "无", "没有", "不会", "不是", "不算", "没啥", "没什么", "毫无", "不太")


class Group(Struct, frozen=True):
    """Phrases and word pairs that mean one thing, and the code the guide gives it."""

    gap: Gap | str
    dimension: Dimension
    stage: Stage
    phrases: str
    pairs: tuple[str, ...]
    negatable: bool = True


class Hit(NamedTuple):
    """Group number `group` stands in `text[start:end]`, which lies in clause number `clause`."""

    group: int
    start: int
    end: int
    clause: int


class _Meaning(NamedTuple):
    """What a word says by itself: a group, a concept of pairs, or both; -1 where none."""

    group: int
    concept: int


class Lexicon:
    """Finds the groups of `gaps_lexicon.toml`. `groups` are their codes, `names` their names, in one order."""

    def __init__(self, source: str) -> None:
        document = tomllib.loads(source)
        self._reasonless = frozenset(document["reasonless"].split())
        concepts = {name: number for number, name in enumerate(document["concepts"])}
        self.names: tuple[str, ...] = tuple(document["groups"])
        self.groups = tuple(_group(table) for table in document["groups"].values())
        words: dict[str, _Meaning] = {}
        for number, group in enumerate(self.groups):
            words.update(dict.fromkeys(_expand(group.phrases), _Meaning(number, -1)))
        for name, number in concepts.items():
            for word in _expand(document["concepts"][name]):
                words[word] = _Meaning(words[word].group if word in words else -1, number)
        self._pairs = _pairs(self.groups, concepts)
        self._meanings = list(words.values())
        self._search = AhoCorasick(list(words), matchkind=MatchKind.LeftmostLongest).find_matches_as_indexes

    @classmethod
    @cache
    def shipped(cls) -> "Lexicon":
        """The lexicon of this package."""
        return cls(resources.files("pipeline.language").joinpath("gaps_lexicon.toml").read_text("utf-8"))

    def gives_reason(self, tokens: Sequence[str]) -> bool:
        """Whether a text says more than how it feels."""
        return not self._reasonless.issuperset(token for token in tokens if not token.isspace())

    def find(self, text: str, clauses: Sequence[tuple[int, int]]) -> list[Hit]:
        """Every group that speaks in `text`, in order; `clauses` are its spans."""
        found: list[Hit] = []
        clause, stop = -1, -1
        concepts: list[tuple[int, int]] = []
        for word, start, end in self._search(text):
            while start >= stop and clause + 1 < len(clauses):
                clause += 1
                stop = clauses[clause][1]
                concepts = []
            group, concept = self._meanings[word]
            if group >= 0:
                self._keep(found, text, Hit(group, start, end, clause), start)
            if concept >= 0:
                for other, begin in concepts[-_REACH:]:
                    pair = self._pairs.get((other, concept), -1)
                    if pair >= 0:
                        self._keep(found, text, Hit(pair, begin, end, clause), start)
                concepts.append((concept, start))
        return found

    def _keep(self, found: list[Hit], text: str, hit: Hit, word: int) -> None:
        if not (self.groups[hit.group].negatable and text.endswith(_NEGATORS, 0, word)):
            found.append(hit)


def _group(table: dict[str, object]) -> Group:
    return Group(**{**table, "pairs": tuple(table["pairs"])})  # type: ignore[arg-type]


def _pairs(groups: Sequence[Group], concepts: dict[str, int]) -> dict[tuple[int, int], int]:
    """Two concepts, in either order, to the group they make."""
    found: dict[tuple[int, int], int] = {}
    for number, group in enumerate(groups):
        for pair in group.pairs:
            first, second = (concepts[name] for name in pair.split())
            found[first, second] = found[second, first] = number
    return found


def _expand(patterns: str) -> Iterator[str]:
    """The words of blank-separated patterns, each alternative written out."""
    for pattern in patterns.split():
        pieces = [piece.split("|") for piece in _ALTERNATIVES.split(pattern)]
        yield from map("".join, product(*pieces))
