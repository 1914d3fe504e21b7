"""Numbers told over several turns: 138, then 1234, then 5678."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gapwatch.pipeline.events.privacy.identifiers import number_kind
from gapwatch.pipeline.language.masking.folding import Folded
from gapwatch.pipeline.language.masking.numbers import SPOKEN_DIGITS
from gapwatch.pipeline.language.masking.spans import Kind

_VALUES = str.maketrans(SPOKEN_DIGITS, "0011223456789123456789079")
_RUN = re.compile(rf"[0-9{SPOKEN_DIGITS}](?:[ \-–—.,，、]?[0-9{SPOKEN_DIGITS}])*[Xx]?")
_REAL = re.compile(rf"[0-9]|[{SPOKEN_DIGITS}]{{2}}")
# A short turn may have words around its digits; in a long one only those at its end go on in the next turn.
_SHORT = 16
_LONG = 200
_FILLER = 8
_MOST_FILLERS = 2
_LONGEST = 19
# Digits before such a word count something: 3个, 第2句, 12点.
_COUNTED = re.compile("[句个件次天元块斤米条点位月年岁分秒层折箱包瓶人张台套杯双盒份]|小时|公里|星期|[%％]")
_LONGEST_ASKED = {"电话": (7, 15), "身份证": (15, 18), "银行卡": (12, 19)}


class Fragment(NamedTuple):
    """Digits of a turn, and where they stand in it."""

    turn: int
    start: int
    end: int
    digits: str
    alone: bool


def split_numbers(
    roles: Sequence[str], texts: Sequence[str], folds: Sequence[Folded], asked: dict[int, set[Kind]]
) -> Iterator[tuple[Kind, Sequence[Fragment]]]:
    """The parts of each number that one speaker tells over several turns.

    `folds` are the plain copies of the texts. `asked` says of turns what was asked for before them: then a number need
    not be a valid one.
    """
    for role in dict.fromkeys(roles):
        told = [turn for turn, speaker in enumerate(roles) if speaker == role]
        for chain in _chains((turn, texts[turn], folds[turn]) for turn in told):
            yield from _numbers(chain, asked)


def _chains(texts: Iterator[tuple[int, str, Folded]]) -> Iterator[list[Fragment]]:
    """Turns of one speaker with digits that may go on from one to the next."""
    chain: list[Fragment] = []
    fillers = 0
    for turn, text, folded in texts:
        fragment = _fragment(turn, text, folded)
        if fragment and (not chain or len(text) <= _SHORT or fragment.start <= _FILLER):
            chain.append(fragment)
            fillers = 0
        elif fragment:
            yield chain
            chain, fillers = [fragment], 0
        elif len(text) <= _FILLER and fillers < _MOST_FILLERS and not any(map(str.isdecimal, text)):
            fillers += 1
        else:
            yield chain
            chain, fillers = [], 0
    yield chain


def _fragment(turn: int, text: str, folded: Folded) -> Fragment | None:
    if len(text) > _LONG or not _REAL.search(folded.text) or "‹" in text:
        return None
    runs = [match for match in _RUN.finditer(folded.text) if _REAL.search(match.group())]
    if not runs or (len(runs) > 1 and len(text) <= _SHORT):
        return None
    run = runs[-1]
    if folded.text[run.start() - 1 : run.start()] == "第" or _COUNTED.match(folded.text, run.end()):
        return None
    start, end = folded.span(*run.span())
    if len(text) > _SHORT and len(text) - end > 2 and start > _FILLER:
        return None
    digits = "".join(filter(str.isalnum, run.group().upper().translate(_VALUES)))
    return Fragment(turn, start, end, digits, alone=not any(map(str.isalnum, text[:start] + text[end:])))


def _numbers(chain: Sequence[Fragment], asked: dict[int, set[Kind]]) -> Iterator[tuple[Kind, Sequence[Fragment]]]:
    first = 0
    while first < len(chain):
        found = _number_at(chain, first, asked)
        if found:
            kind, last = found
            yield kind, chain[first:last]
            first = last
        else:
            first += 1


def _number_at(chain: Sequence[Fragment], first: int, asked: dict[int, set[Kind]]) -> tuple[Kind, int] | None:
    """The kind of the longest number that begins with a fragment, and the fragment behind it."""
    digits = chain[first].digits
    # What stands before a number in another turn, as 订单号, says less than that it is valid and stands alone.
    kind = number_kind(digits) if chain[first].alone else None
    found = (kind, first + 1) if kind else None
    for last in range(first + 1, len(chain)):
        digits += chain[last].digits
        if len(digits) > _LONGEST:
            break
        if kind := number_kind(digits) or _asked_kind(digits, asked.get(chain[first].turn, set())):
            found = kind, last + 1
    return found


def _asked_kind(digits: str, kinds: set[Kind]) -> Kind | None:
    for kind in kinds & _LONGEST_ASKED.keys():
        least, most = _LONGEST_ASKED[kind]
        if least <= len(digits) <= most:
            return kind
    return None
