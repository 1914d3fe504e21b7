"""Functions over arrays, compiled to machine code when first called.

The machine code is kept for the next process: under `__pycache__`, or in NUMBA_CACHE_DIR; where nothing may be written,
each process compiles anew, which takes it some ten seconds.

Named tuples are for what compiled functions hand each other. To and from Python pass plain tuples, `Plain`: numba looks
the class of a named one up anew at each call, which takes as long as reading a short text.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import config, njit

Plain = tuple[Any, ...]
Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """The function as machine code."""
    return _compile(function)


def inlined(function: Function) -> Function:
    """The same for a short function that others call for each character: a call would cost more than it does."""
    return _compile(function, inline="always")


def _compile(function: Function, **options: Any) -> Function:
    try:
        fast: Function = njit(cache=True, **options)(function)
    except RuntimeError:  # no place to keep it
        fast = njit(**options)(function)
    return fast


def _place_of_code() -> str:
    """A directory for these very sources: numba looks at a function's own file alone, not at those it calls into."""
    package = Path(__file__).parent
    sources = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(package.glob("*.py")))).hexdigest()[:12]
    return str(Path(config.CACHE_DIR or package / "__pycache__") / sources)  # type: ignore[attr-defined]


config.CACHE_DIR = _place_of_code()  # type: ignore[attr-defined]
