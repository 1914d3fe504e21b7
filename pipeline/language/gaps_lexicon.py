"""The phrases of complaints, found in one pass over a text."""

import re
import tomllib
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import product
from math import inf
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, MatchKind
from msgspec import Struct

from pipeline.language.reading import Dimension, Gap, Stage

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_REACH = 8  # words of concepts back that a pair may span; also what keeps an endless clause linear
_NEGATORS = ("没", "不", "未", "无", "没有", "不会", "不是", "不算", "没啥", "没什么", "毫无", "不太")
_NEGATOR_ENDS = frozenset(negator[-1] for negator in _NEGATORS)


Hit = tuple[int, int]  # a group of the lexicon by its number, and the clause in which it speaks


class Group(Struct, frozen=True):
    """Phrases and word pairs that mean one thing, and the code the guide gives it."""

    gap: Gap | str
    dimension: Dimension
    stage: Stage
    phrases: str
    pairs: tuple[str, ...]
    negatable: bool = True


class _Meaning(NamedTuple):
    """What a word says: a group by itself, a concept of pairs (-1 where none), and groups by the concept before it."""

    group: int
    concept: int
    partners: dict[int, int]


class Lexicon:
    """Finds the groups of `gaps_lexicon.toml`. `groups` are their codes, `names` their names, in one order."""

    def __init__(self, source: str) -> None:
        document = tomllib.loads(source)
        self._reasonless = frozenset(document["reasonless"].split())
        concepts = {name: number for number, name in enumerate(document["concepts"])}
        self.names: tuple[str, ...] = tuple(document["groups"])
        self.groups = tuple(_group(table) for table in document["groups"].values())
        partners = _partners(self.groups, concepts)
        words: dict[str, _Meaning] = {}
        for number, group in enumerate(self.groups):
            words.update(dict.fromkeys(_expand(group.phrases), _Meaning(number, -1, {})))
        for name, number in concepts.items():
            for word in _expand(document["concepts"][name]):
                words[word] = _Meaning(words[word].group if word in words else -1, number, partners[number])
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
        clause, stop = -1, -1.0
        concepts: deque[int] = deque(maxlen=_REACH)
        meanings = self._meanings
        for word, start, _ in self._search(text):
            if start >= stop:
                clause, stop = _clause_at(start, clause, clauses)
                concepts.clear()
            group, concept, partners = meanings[word]
            if group >= 0:
                self._keep(found, text, start, group, clause)
            if concept >= 0:
                for other in concepts:
                    if other in partners:
                        self._keep(found, text, start, partners[other], clause)
                concepts.append(concept)
        return found

    def _keep(self, found: list[Hit], text: str, start: int, group: int, clause: int) -> None:
        if not (
            start and text[start - 1] in _NEGATOR_ENDS and self.groups[group].negatable and _is_negated(text, start)
        ):
            found.append((group, clause))


def _clause_at(start: int, clause: int, clauses: Sequence[tuple[int, int]]) -> tuple[int, float]:
    """Number and end of the clause of a word, from that of the word before it."""
    while clause + 1 < len(clauses) and (clause < 0 or start >= clauses[clause][1]):
        clause += 1
    return clause, clauses[clause][1] if clause + 1 < len(clauses) else inf


def _is_negated(text: str, start: int) -> bool:
    """Whether a negator stands right before the word at `start`."""
    return text.endswith(_NEGATORS, 0, start)


def _group(table: dict[str, object]) -> Group:
    return Group(**{**table, "pairs": tuple(table["pairs"])})  # type: ignore[arg-type]


def _partners(groups: Sequence[Group], concepts: dict[str, int]) -> list[dict[int, int]]:
    """For each concept, the concepts that make a pair with it and the group that the pair makes, in either order."""
    found: list[dict[int, int]] = [{} for _ in concepts]
    for number, group in enumerate(groups):
        for pair in group.pairs:
            first, second = (concepts[name] for name in pair.split())
            found[first][second] = found[second][first] = number
    return found


def _expand(patterns: str) -> Iterator[str]:
    """The words of blank-separated patterns, each alternative written out."""
    for pattern in patterns.split():
        pieces = [piece.split("|") for piece in _ALTERNATIVES.split(pattern)]
        yield from map("".join, product(*pieces))
