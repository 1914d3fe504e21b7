"""Cutting a text into words."""

from typing import Protocol

import rjieba


class Tokenizer(Protocol):
    """Cuts a text into tokens that, joined, are the text again."""

    def cut(self, text: str) -> list[str]: ...


def tokenizer() -> Tokenizer:
    """jieba's dictionary and hidden Markov model, in Rust."""
    cutter: Tokenizer = rjieba.Jieba()
    return cutter
