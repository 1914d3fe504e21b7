"""The phrases of complaints, found in one pass over a text."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import product
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind
from msgspec import Struct

from pipeline.language.reading import Dimension, Gap, Stage

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
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
    """What a word says: a group by itself (-1 where none) and a concept, one bit of a set (0 where none).

    `partners` are the concepts that make a pair with it, `groups` what each of those pairs means.
    """

    group: int
    concept: int
    partners: int
    groups: dict[int, int]


class Lexicon:
    """Finds the groups of `gaps_lexicon.toml`. `groups` are their codes, `names` their names, in one order."""

    def __init__(self, source: str) -> None:
        document = tomllib.loads(source)
        self._reasonless = frozenset(document["reasonless"].split())
        concepts = {name: 1 << number for number, name in enumerate(document["concepts"])}
        self.names: tuple[str, ...] = tuple(document["groups"])
        self.groups = tuple(_group(table) for table in document["groups"].values())
        partners = _partners(self.groups, concepts)
        words: dict[str, _Meaning] = {}
        for number, group in enumerate(self.groups):
            words.update(dict.fromkeys(expand(group.phrases), _Meaning(number, 0, 0, {})))
        for name, concept in concepts.items():
            for word in expand(document["concepts"][name]):
                group_of_word = words[word].group if word in words else -1
                words[word] = _Meaning(group_of_word, concept, sum(partners[concept]), partners[concept])
        self._meanings = list(words.values())
        self._search = AhoCorasick(
            list(words), matchkind=MatchKind.LeftmostLongest, implementation=Implementation.DFA
        ).find_matches_as_indexes

    @classmethod
    @cache
    def shipped(cls) -> "Lexicon":
        """The lexicon of this package."""
        return cls(resources.files("pipeline.language").joinpath("gaps_lexicon.toml").read_text("utf-8"))

    def gives_reason(self, tokens: Sequence[str]) -> bool:
        """Whether a text says more than how it feels."""
        return not self._reasonless.issuperset(token for token in tokens if not token.isspace())

    def find(self, text: str, clauses: Sequence[tuple[int, int]], first: int = 0) -> list[Hit]:
        """Every group that speaks in `text`, in order; `clauses` are its spans, `first` the number of the first."""
        hits: list[Hit] = []
        if not clauses:
            return hits
        clause, stop, last = first - 1, 0, first + len(clauses) - 1
        seen = 0
        for word, start, _ in self._search(text):
            while start >= stop and clause < last:
                clause += 1
                stop = clauses[clause - first][1]
                seen = 0
            group, concept, partners, groups = self._meanings[word]
            if group >= 0 and self._is_said(group, text, start):
                hits.append((group, clause))
            if seen & partners:
                hits += [
                    (group, clause)
                    for other, group in groups.items()
                    if seen & other and self._is_said(group, text, start)
                ]
            seen |= concept
        return hits

    def _is_said(self, group: int, text: str, start: int) -> bool:
        """Whether no negator stands right before the word at `start`."""
        return not (
            text[start - 1 : start] in _NEGATOR_ENDS and self.groups[group].negatable and _is_negated(text, start)
        )


def _is_negated(text: str, start: int) -> bool:
    """Whether a negator stands right before the word at `start`."""
    return text.endswith(_NEGATORS, 0, start)


def _group(table: dict[str, object]) -> Group:
    return Group(**{**table, "pairs": tuple(table["pairs"])})  # type: ignore[arg-type]


def _partners(groups: Sequence[Group], concepts: dict[str, int]) -> dict[int, dict[int, int]]:
    """For each concept, the concepts that make a pair with it and the group that the pair makes, in either order."""
    found: dict[int, dict[int, int]] = {concept: {} for concept in concepts.values()}
    for number, group in enumerate(groups):
        for pair in group.pairs:
            first, second = (concepts[name] for name in pair.split())
            found[first][second] = found[second][first] = number
    return found


def expand(patterns: str) -> Iterator[str]:
    """The words of blank-separated patterns, each alternative written out."""
    for pattern in patterns.split():
        pieces = [piece.split("|") for piece in _ALTERNATIVES.split(pattern)]
        yield from map("".join, product(*pieces))
