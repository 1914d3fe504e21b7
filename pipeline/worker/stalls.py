"""Calls of a worker, made again until a server answers, however long that takes, and what stalls meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tenacity import RetryCallState

from gapwatch.pipeline.errors import summary
from gapwatch.pipeline.hosting.retrying import Limits, is_transient, retrying
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker import metrics

log = logger(__name__)

T = TypeVar("T")

HANGING_SECONDS = 15.0
"""A call that has not returned for so long counts as waiting, though nothing failed yet."""

# A worker has nothing else to do than wait, and notices within seconds that a server is back.
_WITHOUT_END = Limits(first_pause=0.2, longest_pause=10.0)


class Stalls:
    """Which stages of this process wait for a server, since when and why."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, str]] = {}
        self._called: dict[str, float] = {}

    @contextmanager
    def call(self, stage: str) -> Iterator[None]:
        """While a stage waits for the answer to one call."""
        self._called[stage] = time.monotonic()
        try:
            yield
        finally:
            self._called.pop(stage, None)

    def begin(self, stage: str, why: str) -> None:
        if stage not in self._since:
            log.warning("waiting for a server", stage=stage, error=why)
        since, _ = self._since.setdefault(stage, (time.monotonic(), why))
        metrics.WAITING_SECONDS.labels(stage).set(time.monotonic() - since)

    def end(self, stage: str) -> None:
        if (stalled := self._since.pop(stage, None)) is not None:
            log.info("the server answers again", stage=stage, waited_seconds=round(time.monotonic() - stalled[0], 1))
            metrics.WAITING_SECONDS.labels(stage).set(0)

    def reason(self) -> str | None:
        """One line for health checks; None when nothing waits."""
        now = time.monotonic()
        stalled = [(since, stage, why) for stage, (since, why) in list(self._since.items())]
        stalled += [
            (since, stage, "the server has not answered yet")
            for stage, since in list(self._called.items())
            if now - since > HANGING_SECONDS
        ]
        if not stalled:
            return None
        since, stage, why = min(stalled)
        return f"{stage} has waited {now - since:.0f} s: {why}"


class Retrying:
    """Makes the calls of a stage, again and again until `stopping` is set, and notes in `stalls` that it waits."""

    def __init__(self, stalls: Stalls, stopping: threading.Event) -> None:
        self._stalls = stalls
        self._stopping = stopping

    def __call__(
        self, stage: str, action: Callable[[], T], transient: Callable[[BaseException], bool] = is_transient
    ) -> T:
        """The result of `action`. Raises what is not transient, and the last error when the process stops."""

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            why = f"{type(error).__name__}: {summary(error) if error and str(error) else ''}"
            self._stalls.begin(stage, why)
            metrics.RETRIES.labels(stage).inc()
            log.debug("trying again", stage=stage, attempt=state.attempt_number, error=why)

        def call() -> T:
            with self._stalls.call(stage):
                return action()

        attempts = retrying(_WITHOUT_END, transient, stopping=self._stopping, before_pause=note)
        try:
            return attempts(call)
        finally:
            self._stalls.end(stage)
