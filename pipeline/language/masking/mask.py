"""Personal data out of a text before it leaves the process: each find becomes a stable token such as ‹电话›."""

import re
from collections.abc import Iterable
from itertools import chain

from msgspec import Struct

from gapwatch.pipeline.language.masking.accounts import find_accounts, find_nicknames, find_orders
from gapwatch.pipeline.language.masking.addresses import find_addresses
from gapwatch.pipeline.language.masking.documents import find_documents
from gapwatch.pipeline.language.masking.emails import find_emails
from gapwatch.pipeline.language.masking.folding import fold, folded
from gapwatch.pipeline.language.masking.names import (
    find_cued_names,
    find_lone_names,
    find_names_after_roles,
    find_names_before_titles,
)
from gapwatch.pipeline.language.masking.numbers import find_numbers
from gapwatch.pipeline.language.masking.passwords import find_passwords
from gapwatch.pipeline.language.masking.plates import find_plates
from gapwatch.pipeline.language.masking.positions import find_positions
from gapwatch.pipeline.language.masking.prefilter import NO_HINTS, Hints, hints_of
from gapwatch.pipeline.language.masking.spans import MaskedText, Span
from gapwatch.pipeline.settings import settings

_TOKEN = re.compile("‹[^‹›]{1,4}›")
# What stood beside a find may be one itself once its neighbour is gone: a@b.cn13812345678. So the rules read the text
# with its tokens again until they find nothing; only texts made to need more rounds reach the limit.
_ROUNDS = 6


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
    plain = folded(text)
    hints = hints_of(plain)
    if hints is NO_HINTS and not orders:
        return Masked(MaskedText(text))
    found = _chosen(plain, _finds(plain, hints, orders=orders))
    if not found:
        return Masked(MaskedText(text))
    copy = fold(text)
    spans: list[Span] = []
    for _ in range(_ROUNDS):
        spans += (Span(span.kind, *copy.span(span.start, span.end)) for span in found)
        copy = copy.with_tokens(found)
        found = _chosen(copy.text, _finds(copy.text, hints_of(copy.text), orders=orders))
        if not found:
            break
    return _masked(text, spans)


def _masked(text: str, spans: list[Span]) -> Masked:
    """The input with tokens; a character that stands for several in the copy may belong to two finds."""
    pieces: list[str] = []
    kept: list[Span] = []
    place = 0
    for span in sorted(spans, key=_start):
        if span.end > place:
            kept.append(Span(span.kind, max(place, span.start), span.end))
            pieces += text[place : span.start], f"‹{span.kind}›"
            place = span.end
    pieces.append(text[place:])
    return Masked(MaskedText("".join(pieces)), tuple(kept))


def _finds(text: str, hints: Hints, *, orders: bool) -> Iterable[Span]:
    """What the rules that are hinted at find in a folded text, the surest rules first."""
    rules = [
        *((find_positions,) if hints.positions or hints.numbers else ()),
        *((find_emails,) if hints.mail else ()),
        *((find_accounts,) if hints.accounts or hints.numbers or hints.announced_codes else ()),
        *((find_documents,) if hints.numbers or hints.announced_codes else ()),
        *((find_plates,) if hints.plates or hints.numbers or hints.announced_codes else ()),
        *((find_passwords,) if hints.announced_codes else ()),
        *((find_nicknames,) if hints.accounts else ()),
        *((find_numbers,) if hints.numbers else ()),
        *((find_addresses,) if hints.addresses else ()),
        *((find_cued_names,) if hints.cued_names else ()),
        *((find_names_before_titles,) if hints.names_before_titles else ()),
        *((find_names_after_roles,) if hints.names_after_roles else ()),
        *((find_lone_names,) if hints.lone_names else ()),
        *((find_orders,) if orders else ()),
    ]
    return chain.from_iterable(rule(text) for rule in rules)


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
