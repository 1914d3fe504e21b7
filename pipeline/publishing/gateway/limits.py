"""How much the gateway takes: events and bytes a second of each key, and bytes in hand of all together."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Protocol

from gapwatch.pipeline.publishing.gateway.refusal import Refusal, unavailable

_BURST_SECONDS = 2.0
_SOON = 1


class Bucket:
    """A token bucket that may be overdrawn by one request: whoever has anything left may send a batch of any size.

    So a batch is never refused for ever because it is larger than the bucket; the debt is waited for afterwards.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate` is what flows in each second."""
        self._rate = rate
        self._clock = clock
        self._left = rate * _BURST_SECONDS
        self._at = clock()

    def wait(self) -> float:
        """Seconds until something is left; 0 when it is."""
        self._fill()
        return 0.0 if self._left > 0 else (1 - self._left) / self._rate

    def take(self, amount: float) -> None:
        """Take what a request has cost."""
        self._fill()
        self._left -= amount

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._rate * _BURST_SECONDS, self._left + (now - self._at) * self._rate)
        self._at = now


class Limited(Protocol):
    """Who has limits: an API key or a webhook. A rate that is None is that of the settings."""

    @property
    def id(self) -> str: ...
    @property
    def events_per_second(self) -> float | None: ...
    @property
    def bytes_per_second(self) -> float | None: ...


class RateLimits:
    """The buckets of each key: by events and by bytes."""

    def __init__(self, events_per_second: float, bytes_per_second: float) -> None:
        """The rates are for keys that have none of their own."""
        self._events = events_per_second
        self._bytes = bytes_per_second
        self._buckets: dict[str, tuple[Bucket, Bucket]] = {}

    def check(self, key: Limited) -> None:
        """Raises Refusal 429 while the key has sent more than it may."""
        seconds = max(bucket.wait() for bucket in self._of(key))
        if seconds > 0:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate_limited",
                "this sender has sent more events or bytes than it may; send again after the seconds of Retry-After",
                headers={"Retry-After": str(math.ceil(seconds))},
            )

    def charge(self, key: Limited, events: int, size: int) -> None:
        """Count what a request held."""
        for bucket, amount in zip(self._of(key), (events, size), strict=True):
            bucket.take(amount)

    def _of(self, key: Limited) -> tuple[Bucket, Bucket]:
        if key.id not in self._buckets:
            self._buckets[key.id] = (
                Bucket(key.events_per_second or self._events),
                Bucket(key.bytes_per_second or self._bytes),
            )
        return self._buckets[key.id]


class Room:
    """Bytes that all requests in hand may hold together, from their first byte until they are answered."""

    def __init__(self, size: int) -> None:
        self._left = size

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """What one request holds; it is given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.held

    def take(self, size: int) -> None:
        """Raises Refusal 503 when there is no room."""
        if size > self._left:
            raise unavailable("too much is in hand; send again after the seconds of Retry-After", _SOON)
        self._left -= size


class Share:
    """What one request holds of a room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.held = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more. Raises Refusal 503 when there is no room."""
        self._room.take(size)
        self.held += size
