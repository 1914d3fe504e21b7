"""Personal data out of a text before it leaves the process: each find becomes a stable token such as ‹电话›."""

import re
from collections.abc import Iterable
from itertools import chain

from msgspec import Struct

from gapwatch.pipeline.language.masking.addresses import find_addresses
from gapwatch.pipeline.language.masking.contacts import find_contacts, find_orders
from gapwatch.pipeline.language.masking.names import find_names
from gapwatch.pipeline.language.masking.numbers import find_numbers
from gapwatch.pipeline.language.masking.prefilter import may_hold_personal_data
from gapwatch.pipeline.language.masking.spans import MaskedText, Span
from gapwatch.pipeline.language.text.normalise import respell
from gapwatch.pipeline.settings import settings

_TOKEN = re.compile("‹[^‹›]{1,4}›")
# What stood beside a find may be one itself once its neighbour is gone: a@b.cn13812345678. Three rounds are enough but
# for texts made to need more.
_PASSES = 3


class Masked(Struct, frozen=True):
    """A text without personal data; `spans` are what was taken out, in order, in offsets of the input."""

    text: MaskedText
    spans: tuple[Span, ...] = ()

    def to_input(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stood in the input; a span that touches a token covers all it stands for."""
        shift = 0
        first = last = None
        for span in self.spans:
            token_start = span.start + shift
            token_end = token_start + len(span.kind) + 2
            if first is None and start < token_end:
                first = span.start if start >= token_start else start - shift
            if last is None and end <= token_end:
                last = span.end if end > token_start else end - shift
            shift = token_end - span.end
        return (start - shift if first is None else first, end - shift if last is None else last)


def mask(text: str, *, orders: bool | None = None) -> Masked:
    """The text with personal data replaced by tokens. Linear in the text; never raises; leaves tokens as they are.

    `orders` also takes out order and parcel numbers; None does as GAPWATCH_MASK_ORDERS says.
    """
    if orders is None:
        orders = settings().mask_orders
    if not orders and not may_hold_personal_data(text):
        return Masked(MaskedText(text))
    plain = respell(text)
    spans: list[Span] = []
    for _ in range(_PASSES):
        found = _chosen(plain, _finds(plain, orders=orders))
        if not found:
            break
        spans += found
        plain = _blanked(plain, found)
        if not may_hold_personal_data(plain):
            break
    return Masked(MaskedText(_replaced(text, spans)), tuple(spans))


def _replaced(text: str, spans: list[Span]) -> str:
    spans.sort(key=_start)
    pieces: list[str] = []
    place = 0
    for span in spans:
        pieces += text[place : span.start], "‹", span.kind, "›"
        place = span.end
    pieces.append(text[place:])
    return "".join(pieces)


def _blanked(text: str, spans: list[Span]) -> str:
    """The text with a token's edges and nothing between them for each span, every place kept."""
    characters = list(text)
    for span in spans:
        length = span.end - span.start
        characters[span.start : span.end] = ("‹".ljust(length - 1, "\0") + "›")[:length]
    return "".join(characters)


def _finds(plain: str, *, orders: bool) -> Iterable[Span]:
    """What every rule finds, the surest rules first."""
    finds = chain(find_contacts(plain), find_numbers(plain), find_addresses(plain), find_names(plain))
    return chain(finds, find_orders(plain)) if orders else finds


def _chosen(text: str, finds: Iterable[Span]) -> list[Span]:
    """Spans in order without overlap; the earlier find wins, and tokens of an earlier masking are nobody's."""
    taken = bytearray(len(text))
    for token in _TOKEN.finditer(text):
        taken[token.start() : token.end()] = b"\x01" * (token.end() - token.start())
    chosen = []
    for span in finds:
        if not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\x01" * (span.end - span.start)
            chosen.append(span)
    return sorted(chosen, key=_start)


def _start(span: Span) -> int:
    return span.start
