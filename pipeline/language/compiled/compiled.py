"""Functions over arrays, compiled to machine code by numba when first called, or when another that calls them is.

The reader calls one such function, ahead of time compiled (`machine_code`), and so runs without numba; training and
tests call any of them. The machine code is kept for the next process: under `__pycache__`, or in NUMBA_CACHE_DIR; where
nothing may be written, each process compiles anew, which takes it some ten seconds.

Named tuples are for what compiled functions hand each other. To and from Python pass plain tuples, `Plain`: numba looks
the class of a named one up anew at each call, which takes as long as reading a short text.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

Plain = tuple[Any, ...]
Function = TypeVar("Function", bound=Callable[..., object])


class Compiled:
    """A function to be compiled. numba, when it meets one in another, sees the function that it makes of this."""

    def __init__(self, function: Callable[..., object], **options: Any) -> None:
        self.py_func = function
        self.targetoptions = options

    def __call__(self, *arguments: object) -> object:
        return self._fast(*arguments)

    @cached_property
    def _fast(self) -> Any:
        from numba import config, njit  # noqa: PLC0415 - 120 MB that a process which only reads does without

        config.CACHE_DIR = str(place_of_code())  # type: ignore[attr-defined]
        try:
            return njit(cache=True, **self.targetoptions)(self.py_func)
        except RuntimeError:  # no place to keep it
            return njit(**self.targetoptions)(self.py_func)

    @property
    def _numba_type_(self) -> object:
        return self._fast._numba_type_  # what numba asks of a value it does not know


def compiled(function: Function) -> Function:
    """The function as machine code."""
    return cast("Function", Compiled(function))


def inlined(function: Function) -> Function:
    """The same for a short function that others call for each character: a call would cost more than it does."""
    return cast("Function", Compiled(function, inline="always"))


@cache
def place_of_code() -> Path:
    """A directory for these very sources: numba looks at a function's own file alone, not at those it calls into."""
    package = Path(__file__).parents[1]
    sources = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(package.rglob("*.py")))).hexdigest()[:12]
    return Path(os.environ.get("NUMBA_CACHE_DIR") or package / "__pycache__") / sources
