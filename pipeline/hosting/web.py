"""Serving over HTTP: the board's pages, and the workers' metrics and health."""

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gapwatch.pipeline.errors import GapwatchError

# Who connects and asks nothing, or asks half, is let go; each takes one of the files that a process may have open.
_REQUEST_SECONDS = 10.0
# More at once than browsers, probes and scrapers make; whoever comes then is told so by a status of 503.
_CONNECTIONS = 500
_SHUTDOWN_SECONDS = 1

HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
"""What every answer says to browsers, beside its own policy on content."""


def listen(host: str, port: int) -> socket.socket:
    """A listener, `host` also an IPv6 address; port 0 is any free one. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def listen_or_tell(host: str, port: int) -> socket.socket:
    """As `listen`, for a command with the options --host and --port. Raises GapwatchError with what to do."""
    try:
        return listen(host, port)
    except OSError as error:
        raise GapwatchError(
            "cannot serve on {host}:{port}: {problem}; choose another --port, or 0",
            host=host,
            port=port,
            problem=error.strerror,
        ) from None


def address(listener: socket.socket) -> str:
    """http://host:port."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(application: ASGIApp, shutdown_seconds: int = _SHUTDOWN_SECONDS) -> uvicorn.Server:
    """To be run with `run(sockets=[listener])`: in the main thread until a signal, else until `should_exit` is set.

    What is in hand then has `shutdown_seconds` to be answered.
    """
    config = uvicorn.Config(
        application,
        http=_Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=shutdown_seconds,
    )
    return uvicorn.Server(config)


class _Protocol(H11Protocol):
    """Uvicorn limits how long it waits between requests; this, how long it waits for the first, and for half ones."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        super().connection_made(transport)
        self.loop.call_later(_REQUEST_SECONDS, self._close_unless_asked)

    def _close_unless_asked(self) -> None:
        if self.cycle is None:
            self.transport.close()  # type: ignore[unreachable]  # it is None before the first request

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.loop.call_later(_REQUEST_SECONDS, self._close_unless_followed, self.cycle)

    def _close_unless_followed(self, last: RequestResponseCycle) -> None:
        """Uvicorn waits for ever once the next request has begun."""
        if self.cycle is last and last.response_complete:
            self.transport.close()
