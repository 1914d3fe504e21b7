"""Items that fail together: halves are tried until the one at fault is alone."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Failure = TypeVar("Failure", bound=Exception)


def bisect(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Result],
    give_up: Callable[[Item, Failure], Result],
    failure: type[Failure],
) -> list[Result]:
    """What `work` makes of the items, in their order: of all at once, and of the halves where it raises `failure`.

    An item for which it raises alone goes to `give_up`, with the error. What it raises for no items at all is raised.
    """
    try:
        return [work(items)]
    except failure as error:
        if not items:
            raise
        if len(items) == 1:
            return [give_up(items[0], error)]
    middle = len(items) // 2
    return [result for half in (items[:middle], items[middle:]) for result in bisect(half, work, give_up, failure)]
