"""Clauses of texts: what stands between punctuation, and before a word that turns the tide."""

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled, inlined

# What compares the words of a clause with each other stays linear in the text as long as no clause is longer.
LONGEST = 200
_ENDS = np.zeros(1 << 16, np.bool_)
_ENDS[[*map(ord, "，。！？：；,!?; \n\t\r\x0b\x0c\u3000～~…")]] = True
# They begin a clause.
_TURNS = np.array([[ord(character) for character in turn] for turn in ("但是", "不过", "可是", "然而")], np.uint32)


@compiled
def find_clauses(codes: NDArray[np.uint32], start: int, stop: int) -> NDArray[np.int64]:
    """Start and end of each clause between two places, a row each, in order, without the punctuation around it.

    The character at `stop` is looked at, and is no part of a turn.
    """
    spans = np.empty((stop - start, 2), np.int64)
    count = 0
    place = start
    while place < stop:
        if _is_end(codes[place]):
            place += 1
            continue
        end = first = place + len(_TURNS[0]) if _is_turn(codes, place) else place
        while end < stop and end - first < LONGEST and not _is_end(codes[end]) and not _is_turn(codes, end):
            end += 1
        if end == first:  # a turn that nothing follows begins no clause; what follows its first character may
            place += 1
            continue
        spans[count] = place, end
        count += 1
        place = end
    return spans[:count]


@inlined
def _is_end(code: int) -> bool:
    return code < len(_ENDS) and _ENDS[code]


@inlined
def _is_turn(codes: NDArray[np.uint32], place: int) -> bool:
    found = False
    for turn in range(len(_TURNS)):
        found |= codes[place] == _TURNS[turn, 0] and codes[place + 1] == _TURNS[turn, 1]
    return found
