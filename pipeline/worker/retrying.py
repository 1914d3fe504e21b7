"""Doing a thing until a server answers, however long that takes, and saying so meanwhile."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker import metrics

log = logger(__name__)

T = TypeVar("T")

# Attempts spread over 0-0.2 s at first and over 0-10 s in the end, so that many workers do not knock at once, and a
# server that is back is noticed within seconds.
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0


class Waits:
    """Which stages of this process wait for a server, since when and why."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, str]] = {}

    def begin(self, stage: str, why: str) -> None:
        if stage not in self._since:
            log.warning("waiting for a server", stage=stage, error=why)
        since, _ = self._since.setdefault(stage, (time.monotonic(), why))
        metrics.WAITING_SECONDS.labels(stage).set(time.monotonic() - since)

    def end(self, stage: str) -> None:
        if (waited := self._since.pop(stage, None)) is not None:
            log.info("the server answers again", stage=stage, waited_seconds=round(time.monotonic() - waited[0], 1))
            metrics.WAITING_SECONDS.labels(stage).set(0)

    def reason(self) -> str | None:
        """One line for health checks; None when nothing waits."""
        waiting = list(self._since.items())
        if not waiting:
            return None
        stage, (since, why) = min(waiting, key=lambda item: item[1][0])
        return f"{stage} has waited {time.monotonic() - since:.0f} s: {why}"


class Patience:
    """Tries again while `passing` says that an error will pass, until `stopping` is set."""

    def __init__(self, waits: Waits, stopping: threading.Event) -> None:
        self._waits = waits
        self._stopping = stopping

    def __call__(self, stage: str, action: Callable[[], T], passing: Callable[[BaseException], bool]) -> T:
        """The result of `action`. Raises what will not pass, and the last error when the process stops."""

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            self._waits.begin(stage, why)
            metrics.RETRIES.labels(stage).inc()
            log.debug("trying again", stage=stage, attempt=state.attempt_number, error=why)

        attempts = Retrying(
            retry=retry_if_exception(passing),
            wait=wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            before_sleep=note,
            reraise=True,
        )
        try:
            return attempts(action)
        finally:
            self._waits.end(stage)
