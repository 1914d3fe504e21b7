"""From the bytes of events to the answer: each is checked, the good ones are delivered, the others named with why."""

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from starlette.responses import JSONResponse, Response

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.event_record import EventRecord, Mask, record_of, too_large
from gapwatch.pipeline.publishing.gateway.delivery import NotDelivered
from gapwatch.pipeline.publishing.gateway.metrics import Metrics
from gapwatch.pipeline.publishing.gateway.refusal import unavailable
from gapwatch.schemas.events import EventType

CHANNEL_NOT_ALLOWED = "channel_not_allowed"
_RETRY_SECONDS = 5
_PLACE = re.compile(r"\$[\w.\[\]]*")
# What is decoded longer than a few milliseconds is decoded beside the event loop.
_LARGE_BYTES = 32 * 1024
# The bytes are no event at all, against events with a wrong field.
_NO_EVENT = {Reason.NOT_UTF8, Reason.NOT_JSON, Reason.NOT_OBJECT, Reason.TOO_DEEP}


class Sender(Protocol):
    """What brings records to Kafka: `delivery.Delivery`."""

    @property
    def largest(self) -> int: ...
    async def send(self, records: Sequence[EventRecord]) -> None: ...


class Refused(NamedTuple):
    """An event that is not taken: its place in the request (from 0), why, and the field where that is known."""

    place: int
    reason: str
    detail: str

    def shown(self) -> dict[str, Any]:
        found = _PLACE.search(self.detail)
        field = {"field": found[0]} if found else {}
        return {"index": self.place, "reason": self.reason, **field, "detail": self.detail}


class Intake:
    """Takes events for Kafka."""

    def __init__(self, sender: Sender, metrics: Metrics, mask: Mask | None = None) -> None:
        self._sender = sender
        self._metrics = metrics
        self._mask = mask

    async def take(
        self,
        event_type: EventType,
        events: Sequence[bytes | Rejected],
        channels: frozenset[str] | None = None,
        passed_over: Sequence[str] = (),
    ) -> Response:
        """The answer, once Kafka has acknowledged every good event. Of `channels` only, where they are given.

        An event may be the reason why it is none. `passed_over` tells why other objects are no events, as it should be.

        Raises Refusal 503 when Kafka does not: then none counts as taken.
        """
        large = self._mask is not None or sum(len(event) for event in events if isinstance(event, bytes)) > _LARGE_BYTES
        arguments = (event_type, events, channels)
        good, bad = await asyncio.to_thread(self._sorted, *arguments) if large else self._sorted(*arguments)
        if good:
            try:
                await self._sender.send(good)
            except NotDelivered as error:
                self._metrics.kafka_errors.inc()
                raise unavailable(f"{error}; nothing counts as accepted, send all again", _RETRY_SECONDS) from None
        self._metrics.events.labels(event_type, "accepted").inc(len(good))
        for refused in bad:
            self._metrics.events.labels(event_type, refused.reason).inc()
        return answer(len(good), bad, passed_over)

    def _sorted(
        self, event_type: EventType, events: Sequence[bytes | Rejected], channels: frozenset[str] | None
    ) -> tuple[list[EventRecord], list[Refused]]:
        good: list[EventRecord] = []
        bad: list[Refused] = []
        for index, event in enumerate(events):
            try:
                record = record_of(event_type, _sound(event), self._mask)
            except Rejected as rejected:
                bad.append(Refused(index, rejected.reason, rejected.detail))
                continue
            if channels is not None and record.channel not in channels:
                bad.append(Refused(index, CHANNEL_NOT_ALLOWED, f"$.channel: this key may not publish {record.channel}"))
            elif self._sender.largest and len(record.value) > self._sender.largest:
                bad.append(Refused(index, Reason.RECORD_TOO_LARGE, too_large(record, self._sender.largest)))
            else:
                good.append(record)
        return good, bad


def answer(accepted: int, refused: Sequence[Refused], passed_over: Sequence[str] = ()) -> Response:
    """202 when all were accepted, 207 when some were, a status of 400 and more when none was.

    200 when there was none, as of a webhook that tells of something else.
    """
    content: dict[str, Any] = {"accepted": accepted, "refused": [one.shown() for one in refused]}
    if passed_over:
        content["passed_over"] = list(passed_over)
    return JSONResponse(content, _status(accepted, refused))


def _sound(event: bytes | Rejected) -> bytes:
    if isinstance(event, Rejected):
        raise event
    return event


def _status(accepted: int, refused: Sequence[Refused]) -> HTTPStatus:
    reasons = {one.reason for one in refused}
    if not refused:
        return HTTPStatus.ACCEPTED if accepted else HTTPStatus.OK
    if accepted:
        return HTTPStatus.MULTI_STATUS
    if reasons == {CHANNEL_NOT_ALLOWED}:
        return HTTPStatus.FORBIDDEN
    return HTTPStatus.BAD_REQUEST if reasons <= _NO_EVENT else HTTPStatus.UNPROCESSABLE_ENTITY
