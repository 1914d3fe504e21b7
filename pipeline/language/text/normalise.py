"""One spelling for the models to read: half width, simplified characters, emoticons as words, nothing invisible."""

import html
import re
from collections.abc import Sequence
from importlib.resources import files

from msgspec import Struct

from gapwatch.pipeline.language.text.double_negatives import find_double_negatives
from gapwatch.pipeline.language.text.emoticons import (
    EMOJI,
    KAOMOJI_MARKS,
    KAOMOJI_PATTERN,
    KAOMOJI_STARTS,
    emoticon_word,
)


class Normalised(Struct, frozen=True):
    """A normalised text and where each of its characters came from.

    `offsets` has one more entry than `text`: `offsets[i]` is the original offset of character i, the last one the
    original length. It never falls. A text whose characters all kept their place has a plain `range`.
    """

    text: str
    offsets: Sequence[int]

    @property
    def unmoved(self) -> bool:
        """Whether every character kept its place."""
        return isinstance(self.offsets, range)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original characters behind `text[start:end]`."""
        if self.unmoved:
            return start, end
        offsets = self.offsets
        stop = offsets[end]
        if end > start and stop == offsets[end - 1]:
            stop = next((offset for offset in offsets[end:] if offset > stop), offsets[-1])
        return offsets[start], stop


def _traditional() -> tuple[dict[str, str], dict[str, str]]:
    """The characters and the phrases of traditional.txt."""
    lines = files(__package__).joinpath("traditional.txt").read_text(encoding="utf-8").splitlines()
    source, target, *phrases = (line for line in lines if not line.startswith("#"))
    return dict(zip(source, target, strict=True)), dict(line.split() for line in phrases)


_CHARACTERS, _PHRASES = _traditional()
# Words of service and trade that Taiwan and Hong Kong say differently, of equal length.
_LOCAL_WORDS = (
    "軟體=软件 硬體=硬件 螢幕=屏幕 網路=网络 簡訊=短信 資訊=信息 訊息=消息 影片=视频 視訊=视频 伺服器=服务器 "
    "滑鼠=鼠标 列印=打印 印表機=打印机 硬碟=硬盘 數位=数码 預設=默认 登入=登录 連結=链接 連線=连接 介面=界面 "
    "宅配=快递 計程車=出租车 捷運=地铁 冷氣=空调 便當=盒饭 退費=退款 客訴=投诉 品質=质量 著名=著名 著作=著作 "
    "名著=名著 原著=原著 顯著=显著 著稱=著称 土著=土著"
)
_PHRASES |= dict(pair.split("=") for pair in _LOCAL_WORDS.split())
# Only in a traditional text: a simplified one has 著 in 著名 alone, and writes 着 for the rest.
_SIMPLIFIED = _CHARACTERS | {"著": "着"} | _PHRASES
_ANY_TRADITIONAL = re.compile(f"[{''.join(_CHARACTERS)}]")
_TRADITIONAL = re.compile(f"{'|'.join(sorted(_PHRASES, key=len, reverse=True))}|[著{''.join(_CHARACTERS)}]")

# The full-width block to ASCII, but Chinese punctuation as Chinese writers set it, whichever keyboard it came from.
_KEPT_WIDE = "！，：；？（）～"
_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in _KEPT_WIDE}
_WIDTH |= {"\u3000": " ", "\xa0": " ", "\t": " ", "\r": " ", "｡": "。", "､": "、", "﹗": "！", "﹖": "？", "￥": "¥"}
_WIDTH_TABLE = str.maketrans(_WIDTH)
_ANY_WIDTH = re.compile(f"[{re.escape(''.join(_WIDTH))}]")
_COMMA = re.compile(r",(?![0-9])|(?<![0-9]),")
_NUMBER_COMMA = re.compile("[0-9],[0-9]")

_INVISIBLE = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    r"\ufff9-\ufffb\u20e3\ud800-\udfff\U0001f3fb-\U0001f3ff\U000e0000-\U000e007f"
)
_TAGS = (
    "a|b|br|center|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|input|li|ol|p|pre|script|small|span|strong|style"
    "|table|tbody|td|th|tr|u|ul"
)
# Where something that is not one character for one may begin; what it is, `_SPECIAL` says.
_BASIC_EMOJI = "".join(emoji for emoji in EMOJI if emoji < "\U00010000")
_START = re.compile(
    rf"[{_INVISIBLE}\U00010000-\U0010ffffhHfFwW<&@{re.escape(_BASIC_EMOJI + KAOMOJI_STARTS)}]|(.)\1\1", re.DOTALL
)
_SPECIAL = re.compile(
    rf"(?P<invisible>[{_INVISIBLE}]+)"
    r"|(?P<url>(?i:https?|ftp)://[!-;=?-~]+|(?i:www)\.[!-;=?-~]+)"
    rf"|(?P<tag></?(?i:{_TAGS})(?:[\s/][^<>]{{0,300}})?>|<!--[^<>]{{0,300}}-->)"
    r"|(?P<entity>&(?:[A-Za-z]{2,8}|#[0-9]{2,6}|#[xX][0-9A-Fa-f]{2,5});)"
    r"|(?P<mention>@[\w\-·]{2,20}(?=[\s:：,，@)）]))"
    rf"|(?P<emoticon>[{''.join(EMOJI)}]|{KAOMOJI_PATTERN})"
    r"|(?P<repeated>(?P<one>[^0-9])(?P=one){2,})",
    re.DOTALL,
)
# Characters that always, and characters that with their neighbours, may call for work; most texts have neither.
# One range for all beyond the basic plane: single characters there would each cost a comparison.
_RARE = (
    rf"{_INVISIBLE}\U00010000-\U0010ffff<&@_^"
    + re.escape(_BASIC_EMOJI + KAOMOJI_MARKS + "".join(_WIDTH))
    + "".join(_CHARACTERS)
)
_CHANGED = re.compile(
    rf"[{_RARE}:;；wWrQT](?:(?<=[{_RARE}])|(?<=:)(?:-?[()D]|//)|(?<=[;；])-?[()]|(?<=[wW])ww\.|(?<=[oO]r)z|(?<=Q)AQ|(?<=T)\.)"
)
_TRIPLE = re.compile(r"(.)\1\1", re.DOTALL)


_FIXED = {"invisible": "", "url": "‹网址›", "tag": " ", "mention": "@"}


def normalise(text: str) -> Normalised:
    """Text in the spelling the models were trained on. Linear in the text; never raises."""
    offsets: Sequence[int] = range(len(text) + 1)
    if _CHANGED.search(text) or _TRIPLE.search(text):
        text, offsets = _rewritten(respell(text))
    if double_negatives := find_double_negatives(text):
        text, offsets = _replaced(text, offsets, double_negatives)
    return Normalised(_punctuated(text), offsets)


def _replaced(text: str, offsets: Sequence[int], changes: list[tuple[int, int, str]]) -> tuple[str, Sequence[int]]:
    """The text with each change (start, end, new words) made, and the offsets that follow."""
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for start, end, words in changes:
        pieces += text[done:start], words
        places += offsets[done:start]
        places += [offsets[start]] * len(words)
        done = end
    pieces.append(text[done:])
    places += offsets[done:]
    return "".join(pieces), places


def _punctuated(text: str) -> str:
    """Chinese punctuation for the ASCII marks that Chinese writers use for it, but 1,000 stays."""
    if "!" in text or "?" in text or ";" in text or "~" in text:
        text = text.replace("!", "！").replace("?", "？").replace(";", "；").replace("~", "～")
    if "," not in text:
        return text
    return _COMMA.sub("，", text) if _NUMBER_COMMA.search(text) else text.replace(",", "，")


def respell(text: str) -> str:
    """Half width and simplified, character for character: every offset stays."""
    if _ANY_WIDTH.search(text):
        text = text.translate(_WIDTH_TABLE)
    if _ANY_TRADITIONAL.search(text):
        text = _TRADITIONAL.sub(lambda found: _SIMPLIFIED[found.group()], text)
    return text


def _rewritten(text: str) -> tuple[str, Sequence[int]]:
    """What takes more or fewer characters: emoticons, links, tags, repetitions, the invisible."""
    changes: list[tuple[int, int, str]] = []
    done = 0
    for start in _START.finditer(text):
        if start.start() < done:
            continue
        special = _SPECIAL.match(text, start.start())
        if special:
            done = special.end()
            changes.append((special.start(), done, _replacement(special)))
    offsets = range(len(text) + 1)
    return _replaced(text, offsets, changes) if changes else (text, offsets)


def _replacement(special: re.Match[str]) -> str:
    kind = special.lastgroup
    if kind == "entity":
        return respell(html.unescape(special.group()))
    if kind == "emoticon":
        return emoticon_word(special.group())
    return special.group()[:2] if kind == "repeated" else _FIXED[str(kind)]
