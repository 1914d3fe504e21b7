"""Texts of others on a terminal: what would move the cursor, colour the screen or turn the line is written out."""

import re

# Control characters of both blocks, marks of direction, separators of lines, what is invisible, half surrogate pairs.
_ALIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def for_terminal(text: str) -> str:
    r"""The text on one line, with \x1b and the like in place of characters that do something."""
    return _ALIVE.sub(_written, text)


def _written(character: re.Match[str]) -> str:
    code = ord(character.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
