"""Waiting for what other threads, processes and servers do. What is waited for is true in the end, or the test fails."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

_SECONDS = 120.0  # a busy machine is slow, and nobody waits for what is true
_PAUSE_SECONDS = 0.02

Value = TypeVar("Value")


def eventually(condition: Callable[[], Value], seconds: float = _SECONDS, told: Callable[[], object] = str) -> Value:
    """The first true value of `condition`. After so many seconds AssertionError, with what `told` says."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not so after {seconds:.0f} s {told()}"
        time.sleep(_PAUSE_SECONDS)
    return value


async def eventually_async(
    condition: Callable[[], Value], seconds: float = _SECONDS, told: Callable[[], object] = str
) -> Value:
    """The same while the event loop goes on."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not so after {seconds:.0f} s {told()}"
        await asyncio.sleep(_PAUSE_SECONDS)
    return value
