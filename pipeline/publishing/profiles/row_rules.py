"""Which rows and messages a profile passes over: those of the system, automatic replies, recalled ones."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from gapwatch.pipeline.publishing.profiles.cells import Cells, cell, text_of
from gapwatch.pipeline.publishing.profiles.profile import Rule
from gapwatch.pipeline.words.catalogue import message


class RowRule(NamedTuple):
    """A rule, ready to be applied."""

    column: str
    values: frozenset[str]
    negated: bool
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, rule: Rule) -> "RowRule":
        listed = rule.is_ if rule.is_not is None else rule.is_not
        values = [listed] if isinstance(listed, str) else listed or []
        pattern = re.compile(rule.matches) if rule.matches is not None else None
        return cls(rule.column, frozenset(values), rule.is_not is not None, pattern)

    def holds(self, text: str) -> bool:
        """Whether a row with this text is passed over."""
        if self.pattern is not None:
            return self.pattern.search(text) is not None
        return (text in self.values) is not self.negated


def why_passed_over(rules: Iterable[RowRule], cells: Cells) -> str:
    """Why a row or message is no word of anybody; empty where it is one."""
    for rule in rules:
        text = text_of(cell(rule.column, cells))
        if rule.holds(text):
            return message("{column} is {value}", column=rule.column, value=text[:40] or "—")
    return ""


def apart(rules: Iterable[RowRule], cells: Cells) -> tuple[list[RowRule], list[RowRule]]:
    """The rules on columns that a record has itself, and the others: those are on the messages within it."""
    own: list[RowRule] = []
    inner: list[RowRule] = []
    for rule in rules:
        (inner if cell(rule.column, cells) is None else own).append(rule)
    return own, inner
