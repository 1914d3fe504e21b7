"""The events in a body: one JSON object, an array of them, or one a line (NDJSON)."""

import re
from collections.abc import Sequence
from email.message import Message
from http import HTTPStatus

import msgspec

from gapwatch.pipeline.events.decode import MAX_DEPTH, Reason
from gapwatch.pipeline.publishing.gateway.refusal import Refusal, bad_body, too_deep

MAX_EVENTS = 1_000
"""In one request."""
JSON = "application/json"
LINES = "application/x-ndjson"
_LINES = {LINES, "application/ndjson", "application/jsonl"}
_WHITESPACE = b" \t\r\n"
_EVENTS = msgspec.json.Decoder(list[msgspec.Raw])
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_INNERMOST = re.compile(rb"[\[{][^\[\]{}]*+[\]}]")
# So many values of an array are made without a second thought: a megabyte of small objects.
_FEW_COMMAS = 20_000


def media_of(content_type: str | None) -> str:
    """JSON or LINES. Raises Refusal 415 for anything else."""
    header = Message()
    header["Content-Type"] = content_type or ""
    media = header.get_content_type()
    charset = str(header.get_param("charset", "utf-8")).lower()
    if content_type and charset in {"utf-8", "utf8"}:
        if media == JSON:
            return JSON
        if media in _LINES:
            return LINES
    raise Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unknown_content_type",
        f"Content-Type must be {JSON} or {LINES}, in UTF-8",
        headers={"Accept": f"{JSON}, {LINES}"},
    )


def events_of(body: bytes, media: str) -> Sequence[bytes]:
    """The bytes of each event, in order.

    Raises Refusal 400 where the body is no JSON of events, 413 where there are too many.
    """
    stripped = body.strip(_WHITESPACE)
    if not stripped:
        raise Refusal(HTTPStatus.BAD_REQUEST, "no_events", "the body is empty")
    if media == LINES:
        events: Sequence[bytes] = [line for line in stripped.split(b"\n") if line.strip(_WHITESPACE)]
    elif stripped.startswith(b"["):
        events = _of_array(stripped)
    else:
        events = [stripped]
    if not events:
        raise Refusal(HTTPStatus.BAD_REQUEST, "no_events", "the array is empty")
    if len(events) > MAX_EVENTS:
        raise _too_many()
    return events


def _of_array(array: bytes) -> list[bytes]:
    if array.count(b",") > _FEW_COMMAS and _has_too_many(array):
        raise _too_many()
    try:
        return [bytes(event) for event in _EVENTS.decode(array)]
    except RecursionError:
        raise too_deep() from None
    except msgspec.DecodeError as error:
        raise bad_body(Reason.NOT_JSON, str(error)) from None


def _has_too_many(array: bytes) -> bool:
    """Whether an array has too many values, told without making them: what is nested is taken away from within."""
    brackets = _STRING.sub(b"", array)[1:-1]
    for _ in range(MAX_DEPTH):
        brackets, taken = _INNERMOST.subn(b"", brackets)
        if not taken:
            break
    return brackets.count(b",") >= MAX_EVENTS


def _too_many() -> Refusal:
    detail = f"more than {MAX_EVENTS:,} events in one request; send them in several"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_events", detail)
