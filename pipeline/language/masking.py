"""Personal data out of a text before it leaves the process: each find becomes a stable token such as ‹电话›."""

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

Kind = Literal["电话", "身份证", "银行卡", "邮箱", "地址", "车牌", "微信", "QQ", "姓名", "订单号"]


class Span(Struct, frozen=True):
    """Characters `start` to `end` of the input, and the kind of personal data they were."""

    kind: Kind
    start: int
    end: int


class Masked(Struct, frozen=True):
    """A text without personal data; `spans` are what was taken out, in order, in offsets of the input."""

    text: str
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


_PHONE = re.compile(r"(?<!\d)(?:(?:\+|00)?86[- ]?)?1[3-9]\d(?:[- ]?\d){8}(?!\d)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.ASCII)


def mask(text: str) -> Masked:
    """The text with personal data replaced by tokens. Linear in the text, never raises, leaves tokens as they are."""
    spans = tuple(_find(text))
    if not spans:
        return Masked(text)
    pieces: list[str] = []
    place = 0
    for span in spans:
        pieces += text[place : span.start], "‹", span.kind, "›"
        place = span.end
    pieces.append(text[place:])
    return Masked("".join(pieces), spans)


def _find(text: str) -> Iterator[Span]:
    finds = [Span("电话", *match.span()) for match in _PHONE.finditer(text)]
    finds += [Span("邮箱", *match.span()) for match in _EMAIL.finditer(text)]
    place = 0
    for span in sorted(finds, key=lambda span: span.start):
        if span.start >= place:
            yield span
            place = span.end
