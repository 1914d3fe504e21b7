"""What fails together is taken apart until what is at fault is alone."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.events.bisection import bisect


class BadItem(Exception):  # noqa: N818 - what the work says of an item
    pass


def work(items: Sequence[int]) -> list[int]:
    if any(item < 0 for item in items):
        raise BadItem
    return list(items)


def give_up(item: int, _: BadItem) -> list[int]:
    return [1000 + item]


@given(st.lists(st.integers(-5, 20), min_size=1))
def test_each_item_is_worked_on_or_given_up_in_order(items: list[int]) -> None:
    done = [item for part in bisect(items, work, give_up, BadItem) for item in part]
    assert done == [item if item >= 0 else 1000 + item for item in items]


def test_what_does_not_fail_is_worked_on_in_one_go() -> None:
    assert bisect([1, 2, 3], work, give_up, BadItem) == [[1, 2, 3]]


def test_another_failure_is_raised() -> None:
    def fail(_: Sequence[int]) -> list[int]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bisect([1, 2], fail, give_up, BadItem)


def test_work_that_fails_on_nothing_raises() -> None:
    def fail(_: Sequence[int]) -> list[int]:
        raise BadItem

    with pytest.raises(BadItem):
        bisect([], fail, give_up, BadItem)
