"""Texts of others do nothing on a terminal."""

import pytest

from gapwatch.commands.terminal import for_terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("慢 ok 😀", "慢 ok 😀"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
        ("\u202eabc\u2066\u200b\ufeff", r"\u202eabc\u2066\u200b\ufeff"),
        ("\u2028\U000e0041", r"\u2028\U000e0041"),
    ],
)
def test_for_terminal(text, shown):
    assert for_terminal(text) == shown
