"""What the board answers where it cannot show a page: in its own language, with the status that fits."""

import contextlib
import threading
from types import SimpleNamespace

import pytest
import requests

from gapwatch.dashboards.board.queries import RequestError
from gapwatch.dashboards.board.server import application
from gapwatch.pipeline.errors import StoreUnavailable
from gapwatch.pipeline.hosting import web


@contextlib.contextmanager
def served(locale, *, token=None, error=None):
    """The board with a page that fails by `error`; its address."""

    def page(uid):
        raise error

    board = SimpleNamespace(locale=locale, pages={}, page=page)
    server = web.server(application(board, hosts=["127.0.0.1"], token=token))
    with web.listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield web.address(listener)
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.mark.parametrize(
    ("error", "status", "english", "chinese"),
    [
        (RequestError("there is no dashboard {uid}", uid="x"), 404, "there is no dashboard x", "没有看板 x"),
        (
            StoreUnavailable("ClickHouse at {server} cannot be reached: {error}", server="h:9000", error="refused"),
            502,
            "ClickHouse at h:9000 cannot be reached: refused",
            "无法连接 ClickHouse（h:9000）：refused",
        ),
    ],
)
def test_an_error_is_told_in_the_language_of_the_board(error, status, english, chinese):
    for locale, told in (("en", english), ("zh", chinese)):
        with served(locale, error=error) as address:
            answer = requests.get(f"{address}/d/x", timeout=10)
        assert (answer.status_code, answer.text) == (status, told)


def test_without_its_token_the_board_says_where_to_find_it():
    with served("zh", token="secret") as address:  # noqa: S106 - of this test
        answer = requests.get(address, timeout=10)
    assert (answer.status_code, "gapwatch board" in answer.text, "令牌" in answer.text) == (403, True, True)
