"""Phrases found in texts: at each place the longest, left to right, none over another."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled, inlined
from gapwatch.pipeline.language.models.ngrams import PAD, Codes, Integers, Layout

_CODE_BITS = 21  # of a character
NO_PHRASE = -1
_CAPACITY = 8  # matches to begin with, and characters for each further one
_ROOTS = 1 << 16  # characters of the basic plane
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd and without a pattern: the high bits of a product tell keys apart
_HIGH_BITS = 40


class Phrases(NamedTuple):
    """A trie, its edges in a hashed table, for compiled functions. Phrases are known by their number."""

    roots: NDArray[np.bool_]  # with which of the first characters of Unicode a phrase begins
    keys: Integers  # node and character of each edge, -1 where there is none
    nodes: Integers  # where the edge leads
    ends: Integers  # number of the phrase that ends at each node, -1 where none does

    @classmethod
    def of(cls, phrases: Iterable[str]) -> "Phrases":
        """Of equal phrases, the first counts. They begin with characters of the basic plane."""
        children: dict[tuple[int, int], int] = {}
        ends = [NO_PHRASE]
        for number, phrase in enumerate(phrases):
            node = 0
            for character in map(ord, phrase):
                following = children.setdefault((node, character), len(ends))
                if following == len(ends):
                    ends.append(NO_PHRASE)
                node = following
            if ends[node] == NO_PHRASE:
                ends[node] = number
        size = 1 << (2 * len(children) + 1).bit_length()
        keys, nodes = [NO_PHRASE] * size, [0] * size
        for (node, character), following in children.items():
            key = node << _CODE_BITS | character
            slot = _first_slot(key, size)
            while keys[slot] != NO_PHRASE:
                slot = (slot + 1) % size
            keys[slot], nodes[slot] = key, following
        roots = np.zeros(_ROOTS, np.bool_)
        roots[[character for node, character in children if not node]] = True
        return cls(roots, np.array(keys), np.array(nodes), np.array(ends))


def _first_slot(key: int, size: int) -> int:
    """Where the search for a key begins; compiled, `_slot` begins there too."""
    return (key * int(_MULTIPLIER) % (1 << 64) >> _HIGH_BITS) % size


@compiled
def find(layout: Layout, phrases: Phrases) -> Integers:
    """Every phrase in a batch, in order: its number, the clause that it begins in and the place, a row each.

    What stands between two clauses counts to the second.
    """
    matches = np.empty((_CAPACITY + len(layout.codes) // _CAPACITY, 3), np.int64)
    count = 0
    codes, roots = layout.codes, phrases.roots
    for text in range(len(layout.first) - 1):
        clause = layout.first[text]
        last = layout.first[text + 1] - 1
        zero = layout.begins[clause] + PAD
        place, stop = zero, layout.begins[last + 1]
        while place < stop:
            if codes[place] >= _ROOTS or not roots[codes[place]]:  # most characters
                place += 1
                continue
            phrase, end = longest(phrases, codes, place)
            if phrase == NO_PHRASE:
                place += 1
                continue
            if count == len(matches):
                matches = np.concatenate((matches, np.empty_like(matches)))
            while clause < last and place >= zero + layout.spans[clause, 1]:
                clause += 1
            matches[count] = phrase, clause, place
            count += 1
            place = end
    return matches[:count].copy()


@inlined
def longest(phrases: Phrases, codes: Codes, place: int) -> tuple[int, int]:
    """The longest phrase that begins at a place, -1 where none, and its end.

    The padding after each text ends the search.
    """
    keys, nodes, ends = phrases.keys, phrases.nodes, phrases.ends
    found, end, node = NO_PHRASE, place, 0
    while True:
        node = _follow(keys, nodes, node, codes[place])
        if node == NO_PHRASE:
            return found, end
        place += 1
        if ends[node] != NO_PHRASE:
            found, end = ends[node], place


@compiled
def stands_before(phrases: Phrases, codes: Codes, place: int, most: int) -> bool:
    """Whether a phrase, of `most` characters at most, ends right before a place."""
    keys, nodes, ends = phrases.keys, phrases.nodes, phrases.ends
    for start in range(max(0, place - most), place):
        node = 0
        for at in range(start, place):
            node = _follow(keys, nodes, node, codes[at])
            if node == NO_PHRASE:
                break
        if node > 0 and ends[node] != NO_PHRASE:
            return True
    return False


@inlined
def _follow(keys: Integers, nodes: Integers, node: int, character: int) -> int:
    key = np.int64(node) << _CODE_BITS | np.int64(character)
    slot = _slot(keys, key)
    return int(nodes[slot]) if keys[slot] == key else NO_PHRASE


@inlined
def _slot(keys: Integers, key: int | np.int64) -> int:
    """Where the key stands, or would stand."""
    mask = len(keys) - 1
    slot = np.int64((np.uint64(key) * _MULTIPLIER) >> np.uint64(_HIGH_BITS)) & mask
    while keys[slot] != key and keys[slot] != NO_PHRASE:
        slot = (slot + 1) & mask
    return int(slot)
