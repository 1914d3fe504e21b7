"""Connections on which nothing comes any more, though nobody closed them."""

from urllib.parse import urlsplit

import pytest
from support.proxy import Proxy

from gapwatch.pipeline.errors import StoreUnavailable
from gapwatch.pipeline.store import ClickHouse
from gapwatch.pipeline.store.connection import connect

SLOW = "SELECT sum(sleepEachRow(0.5)) FROM numbers(6) SETTINGS max_block_size = 1"


def through(proxy: Proxy, database: str) -> str:
    parts = urlsplit(database)
    return database.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{proxy.port}") + "?send_receive_timeout=1"


def proxy_to(database: str) -> Proxy:
    parts = urlsplit(database)
    return Proxy(parts.hostname or "", parts.port or 0)


def test_a_query_that_is_slow_is_waited_for(database: str) -> None:
    with proxy_to(database) as proxy:
        assert ClickHouse(through(proxy, database)).execute(SLOW) == [(0,)]


def test_a_connection_that_goes_deaf_is_given_up_and_made_again(database: str) -> None:
    with proxy_to(database) as proxy:
        clickhouse = ClickHouse(through(proxy, database))
        assert clickhouse.execute("SELECT 1") == [(1,)]
        proxy.swallow.set()
        with pytest.raises(StoreUnavailable):
            clickhouse.execute("SELECT 2")
        proxy.swallow.clear()
        assert clickhouse.execute("SELECT 3") == [(3,)]


def test_silence_is_noticed_within_half_a_minute(database: str) -> None:
    with connect(database) as client:
        client.execute("SELECT 1")
        assert client.connection.socket.gettimeout() <= 30
