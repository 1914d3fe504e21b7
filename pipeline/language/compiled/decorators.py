"""Functions over arrays, compiled to machine code by numba when first called, or when another that calls them is.

The reader calls one such function, compiled ahead of time (`machine_code`), and so runs without numba; training and
tests call any of them. The machine code is kept for the next process (`cache`); where that is not possible, each
process compiles anew.

Named tuples are for what compiled functions hand each other. To and from Python pass plain tuples: numba looks the
class of a named one up anew at each call, which takes as long as reading a short text.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar, cast

from gapwatch.pipeline.language.compiled.cache import cache_directory

Function = TypeVar("Function", bound=Callable[..., object])


class Compiled:
    """A function to be compiled. numba, when it meets one in another, sees the function that it makes of this."""

    def __init__(self, function: Callable[..., object], **options: Any) -> None:
        self.py_func = function
        self.targetoptions = options

    def __call__(self, *arguments: object) -> object:
        return self._dispatcher(*arguments)

    @cached_property
    def _dispatcher(self) -> Any:
        from numba import config, njit  # noqa: PLC0415 - 120 MB that a process which only reads does without

        directory = cache_directory()
        if directory:
            config.CACHE_DIR = str(directory)  # type: ignore[attr-defined]
        return njit(cache=directory is not None, **self.targetoptions)(self.py_func)

    @property
    def _numba_type_(self) -> object:
        return self._dispatcher._numba_type_  # what numba asks of a value it does not know


def compiled(function: Function) -> Function:
    """The function as machine code."""
    return cast("Function", Compiled(function))


def inlined(function: Function) -> Function:
    """The same for a short function that others call for each character: a call would cost more than it does."""
    return cast("Function", Compiled(function, inline="always"))
