"""Calls that are made again while what they fail with may pass: one policy, of which each caller sets the limits."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep,
    sleep_using_event,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.stop import stop_base

from gapwatch.pipeline.errors import StoreUnavailable


class Limits(NamedTuple):
    """How often and how long a call is made again; None is without end.

    A pause, in seconds, is drawn evenly from 0 to a bound that doubles from `first_pause` to `longest_pause`, so that
    many processes do not knock at once.
    """

    attempts: int | None = None
    seconds: float | None = None
    first_pause: float = 0.2
    longest_pause: float = 10.0


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: ClickHouse cannot do it now, or Kafka did not do it.

    Of Kafka's errors all count: what is given up here is lost, and people mend rights and quotas while a worker waits.
    """
    from kafka.errors import KafkaError  # noqa: PLC0415 - half a second that who asks ClickHouse alone need not wait for

    return isinstance(error, StoreUnavailable | KafkaError)


def is_settling(error: BaseException) -> bool:
    """Whether a Kafka that answers says that it cannot yet: a broker starts, or another takes over from one that hangs.

    A Kafka that does not answer at all is not settling: its client has waited for it already.
    """
    from kafka.errors import KafkaTimeoutError, RetriableError  # noqa: PLC0415 - as above

    return isinstance(error, RetriableError) and not isinstance(error, KafkaTimeoutError)


def retrying(
    limits: Limits,
    transient: Callable[[BaseException], bool] = is_transient,
    *,
    stopping: threading.Event | None = None,
    before_pause: Callable[[RetryCallState], None] | None = None,
) -> Retrying:
    """To be called with an action and its arguments; returns what the action does.

    Raises what is not `transient`, and the last error when the limits are reached or `stopping` is set.
    """
    return Retrying(
        retry=retry_if_exception(transient),
        wait=wait_random_exponential(multiplier=limits.first_pause, max=limits.longest_pause),
        stop=stop_any(*_ends(limits, stopping)),
        sleep=sleep_using_event(stopping) if stopping else sleep,
        before_sleep=before_pause,
        reraise=True,
    )


def _ends(limits: Limits, stopping: threading.Event | None) -> list[stop_base]:
    ends: list[stop_base] = []
    if limits.attempts is not None:
        ends.append(stop_after_attempt(limits.attempts))
    if limits.seconds is not None:
        ends.append(stop_after_delay(limits.seconds))
    if stopping is not None:
        ends.append(stop_when_event_set(stopping))
    return ends
