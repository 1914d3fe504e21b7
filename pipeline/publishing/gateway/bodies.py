"""The body of a request: read to its end within limits of size and time, unpacked within the same limit of size."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from gapwatch.pipeline.kafka.topics import MAX_RECORD_BYTES
from gapwatch.pipeline.publishing.gateway.limits import Share
from gapwatch.pipeline.publishing.gateway.refusal import Refusal

MAX_BODY_BYTES = MAX_RECORD_BYTES
"""Of the body as it is sent, and as it is unpacked."""
BODY_SECONDS = 20.0
"""How long a body may take to arrive."""
_DRAIN_SECONDS = 5.0
_DRAIN_BYTES = 4 * MAX_BODY_BYTES
_GZIP = 16 + zlib.MAX_WBITS


class Body:
    """What a request carries, read at most once."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ended = False

    async def read(self, share: Share) -> bytes:
        """All of it, unpacked. `share` holds its bytes.

        Raises Refusal: 408, 413, 415, 503, or 400 for what is no gzip; ClientDisconnect when the sender has gone.
        """
        unpack = _unpacking(self._request)
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in self._pieces():
                    fresh = unpack.unpack(piece, MAX_BODY_BYTES - len(body))
                    share.grow(len(fresh))
                    body += fresh
        except TimeoutError:
            raise _too_slow() from None
        unpack.finish()
        return bytes(body)

    async def drain(self) -> bool:
        """Read on for a while and keep nothing; whether the end was reached, so that another request can follow.

        Clients that send all before they read would not hear why they are refused if nobody read what they send. Who
        waits to be told to go on has not sent anything yet.
        """
        if self._ended or "expect" in self._request.headers:
            return self._ended
        read = 0
        with contextlib.suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._ended and read < _DRAIN_BYTES:
                    read += len(await self._piece())
        return self._ended

    async def _pieces(self) -> AsyncIterator[bytes]:
        """As they arrive; refused when the whole is announced, or turns out, to be too large."""
        announced = self._request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > MAX_BODY_BYTES:
            raise too_large()
        size = 0
        while not self._ended:
            piece = await self._piece()
            size += len(piece)
            if size > MAX_BODY_BYTES:
                raise too_large()
            yield piece

    async def _piece(self) -> bytes:
        told = await self._request.receive()
        if told["type"] == "http.disconnect":
            raise ClientDisconnect
        self._ended = not told.get("more_body", False)
        piece: bytes = told.get("body", b"")
        return piece


class _AsItIs:
    """A body that is not packed."""

    def unpack(self, piece: bytes, most: int) -> bytes:
        if len(piece) > most:
            raise too_large()
        return piece

    def finish(self) -> None:
        """Nothing is left."""


class _Gzip:
    """A body packed with gzip, in any number of members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)

    def unpack(self, piece: bytes, most: int) -> bytes:
        unpacked = bytearray()
        try:
            while piece:
                if self._member.eof:
                    self._member = zlib.decompressobj(_GZIP)
                unpacked += self._member.decompress(piece, most - len(unpacked) + 1)
                if len(unpacked) > most:
                    raise too_large()
                piece = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error:
            raise _no_gzip() from None
        return bytes(unpacked)

    def finish(self) -> None:
        """Raises Refusal when the end is missing."""
        if not self._member.eof:
            raise _no_gzip()


def _unpacking(request: Request) -> _AsItIs | _Gzip:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return _AsItIs()
    if encoding in {"gzip", "x-gzip"}:
        return _Gzip()
    raise Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unknown_content_encoding",
        "Content-Encoding must be gzip or absent",
        headers={"Accept-Encoding": "gzip"},
    )


def too_large() -> Refusal:
    """A body that is too large, packed or unpacked."""
    detail = f"the body is larger than {MAX_BODY_BYTES:,} bytes, as sent or unpacked; send fewer events at once"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)


def _too_slow() -> Refusal:
    detail = f"the body did not arrive within {BODY_SECONDS:g} seconds"
    return Refusal(HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", detail)


def _no_gzip() -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "not_gzip", "the body is no gzip, or its end is missing")
