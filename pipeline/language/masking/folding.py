"""A plain copy of a text for the rules to read, in which every character knows where it came from.

Writers hide a number in circled or Arabic-Indic digits, behind invisible characters, HTML entities or percent codes.
The copy has ASCII digits and letters, simplified characters and nothing invisible. Most texts are their own copy.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from gapwatch.pipeline.language.masking.spans import Span
from gapwatch.pipeline.language.text.normalise import respell

# Hangul fillers are letters by their category, and blank on the screen.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_INVISIBLE = frozenset({"Cf", "Mn", "Me"})
# Characters that mean an ASCII one to a reader; NFKC has nothing to say of Cyrillic letters.
_LOOK_ALIKES = dict(zip("ОоІіЅѕАаСсВЕеНКМРрТхХЗⓐⒶ", "OoIiSsAaCcBEeHKMPpTxX3@@", strict=True))
# What stands in nearly every Chinese text and stays as it is: ASCII, the unified ideographs, common punctuation.
_PLAIN = re.compile(r"[\x00-\x7e\u4e00-\u9fff\u3000-\u3011‘’“”—…·‹›！，：；？（）～￥、。]")
# An emoji is a sign between digits wherever it stands, but mathematical digits and letters live beyond it.
_SPECIAL = (
    r"&(?:[A-Za-z]{2,8}|#[0-9]{2,6}|#[xX][0-9A-Fa-f]{2,5});"
    r"|(?:%[0-9A-Fa-f]{2})+"
    r"|</?(?i:a|b|br|div|em|font|i|li|p|span|strong|td|tr|u)(?:\s[^<>]{0,200})?/?>"
)
_BREAKS = re.compile(r"</?(?:br|div|li|p|td|tr)\b", re.IGNORECASE)


def _folded(character: str) -> str:
    """What one character is in the copy: nothing, itself, or what it stands for."""
    if character in _FILLERS or unicodedata.category(character) in _INVISIBLE:
        return ""
    if character in _LOOK_ALIKES:
        return _LOOK_ALIKES[character]
    value = unicodedata.numeric(character, -1.0)
    if 0 <= value <= 99 and value == int(value) and not "\u4e00" <= character <= "\u9fff":
        return str(int(value))
    plain = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in plain if unicodedata.category(part) not in _INVISIBLE)
    return unicodedata.normalize("NFC", kept)


class _Table(dict[str, str]):
    """What each character met so far is in the copy."""

    def __missing__(self, character: str) -> str:
        folded = self[character] = _folded(character)
        return folded


_TABLE = _Table()


def _class(characters: Iterable[str]) -> str:
    """A regular expression's class of many characters, neighbours as ranges."""
    codes = sorted(map(ord, characters))
    breaks = [index for index in range(1, len(codes)) if codes[index] != codes[index - 1] + 1]
    edges = zip([0, *breaks], [*breaks, len(codes)], strict=True)
    return "".join(f"\\u{codes[first]:04x}-\\u{codes[last - 1]:04x}" for first, last in edges)


_BASIC_PLANE = "".join(chr(code) for code in (*range(0xD800), *range(0xE000, 0x10000)))
# What a fold changes: all but the plain characters of the basic plane, and everything beyond it.
_FOLDABLE = _class(_PLAIN.sub("", _BASIC_PLANE)) + r"\U00010000-\U0010ffff"
_RESPELT = _class(old for old, new in zip(_BASIC_PLANE, respell(_BASIC_PLANE), strict=True) if old != new)
_ANY_CHANGED = re.compile(f"[{_FOLDABLE}{_RESPELT}&%<](?:(?<!%)|(?=[0-9A-Fa-f]{{2}}))")
_CHANGED = re.compile(rf"[{_FOLDABLE}]+|{_SPECIAL}")


class Folded(Struct, frozen=True):
    """A plain copy; its character i stands for `starts[i]` to `ends[i]` of the input."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The part of the input behind `text[start:end]`, which is not empty."""
        return self.starts[start], self.ends[end - 1]

    def with_tokens(self, spans: Sequence[Span]) -> "Folded":
        """The copy with a token in place of each span; the spans stand in order and do not overlap."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        place = 0
        for span in spans:
            token = f"‹{span.kind}›"
            start, end = self.span(span.start, span.end)
            pieces += self.text[place : span.start], token
            starts += *self.starts[place : span.start], *[start] * len(token)
            ends += *self.ends[place : span.start], *[end] * len(token)
            place = span.end
        pieces.append(self.text[place:])
        return Folded("".join(pieces), [*starts, *self.starts[place:]], [*ends, *self.ends[place:]])


def folded(text: str) -> str:
    """The plain copy of a text, as `fold` makes it, without the way back. Linear in the text; never raises."""
    if not _ANY_CHANGED.search(text):
        return text
    return _CHANGED.sub(_said, respell(text))


def _said(match: re.Match[str]) -> str:
    found = match.group()
    return _decoded(found) if found[0] in "&%<" else "".join([_TABLE[character] for character in found])


def fold(text: str) -> Folded:
    """The plain copy of a text, and where each of its characters came from. Linear in the text; never raises."""
    if not _ANY_CHANGED.search(text):
        return Folded(text, range(len(text)), range(1, len(text) + 1))
    plain = respell(text)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    place = 0
    for match in _CHANGED.finditer(plain):
        start, end = match.span()
        pieces.append(plain[place:start])
        starts += range(place, start)
        ends += range(place + 1, start + 1)
        if match.group()[0] in "&%<":
            said = _decoded(match.group())
            pieces.append(said)
            starts += [start] * len(said)
            ends += [end] * len(said)
        else:
            for offset, character in enumerate(match.group(), start):
                said = _TABLE[character]
                pieces.append(said)
                starts += [offset] * len(said)
                ends += [offset + 1] * len(said)
                if not said and ends:
                    # An accent or a keycap goes with the character that it stands on.
                    ends[-1] = offset + 1
        place = end
    pieces.append(plain[place:])
    starts += range(place, len(plain))
    ends += range(place + 1, len(plain) + 1)
    return Folded("".join(pieces), starts, ends)


def _decoded(markup: str) -> str:
    """What an entity, a run of percent codes or a tag says."""
    if markup[0] == "<":
        return "\n" if _BREAKS.match(markup) else ""
    if markup[0] == "&":
        said = html.unescape(markup)
    else:
        said = unquote_to_bytes(markup).decode("utf-8", "replace")
        if "\ufffd" in said:
            return markup
    return "".join(_TABLE[character] if ord(character) > 0x7E else character for character in respell(said))
