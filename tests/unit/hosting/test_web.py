"""Serving over HTTP: listeners, their addresses, and those who connect and ask nothing."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import requests
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gapwatch.pipeline.hosting import web

HELLO = Starlette(routes=[Route("/", lambda _: PlainTextResponse("hello"))])


@contextlib.contextmanager
def served() -> Iterator[socket.socket]:
    """`HELLO`, served in a thread."""
    with web.listen("127.0.0.1", 0) as listener:
        server = web.server(HELLO)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener
        finally:
            server.should_exit = True
            thread.join(30)


def test_what_is_asked_at_the_address_is_answered() -> None:
    with served() as listener:
        answer = requests.get(web.address(listener), timeout=10)
    assert (answer.status_code, answer.text) == (200, "hello")


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_an_address_fits_into_a_browser(host: str, shown: str) -> None:
    with web.listen(host, 0) as listener:
        assert web.address(listener) == f"http://{shown}:{listener.getsockname()[1]}"


def test_a_port_serves_one_listener() -> None:
    with web.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            web.listen("127.0.0.1", port)
    web.listen("127.0.0.1", port).close()


@pytest.mark.parametrize("half", [b"", b"GET / HTTP/1.1\r\nHo"])
def test_who_never_finishes_a_request_is_let_go(monkeypatch: pytest.MonkeyPatch, half: bytes) -> None:
    monkeypatch.setattr(web, "_REQUEST_SECONDS", 0.2)
    with served() as listener, socket.create_connection(listener.getsockname(), timeout=10) as connection:
        connection.sendall(half)
        assert connection.recv(1) == b""


def test_who_begins_another_request_and_never_finishes_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_REQUEST_SECONDS", 0.5)
    with served() as listener, socket.create_connection(listener.getsockname(), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while not received.endswith(b"hello"):
            received += connection.recv(65536)
        connection.sendall(b"GET / HTTP/1.1\r\nHo")
        assert connection.recv(1) == b""


def test_who_comes_when_too_many_are_connected_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_CONNECTIONS", 1)
    with served() as listener:
        assert requests.get(web.address(listener), timeout=10).status_code == 503
