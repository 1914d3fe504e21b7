"""Connections to ClickHouse: from a URL, one per thread, given up after any error."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clickhouse_driver import Client
from clickhouse_driver.errors import Error
from clickhouse_driver.util.helpers import parse_url

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store.error_codes import store_error

# The driver logs what it raises, with a traceback; where nobody has set up logging, the error's one line is enough.
logging.getLogger("clickhouse_driver").addHandler(logging.NullHandler())

_SETTINGS: dict[str, Any] = {
    # Acknowledged means written: no buffer of the server's between the two.
    "async_insert": 0,
    # A back-fill may hold events of any month since 2000; the default refuses more than 100 partitions in one insert.
    "max_partitions_per_insert_block": 0,
    # Keys are listed in the query: 5,000 hashes of 20 digits are 100 KB, and a derivation names up to 100,000 minutes.
    "max_query_size": 8 * 1024**2,
}
# Writes reach a majority of replicas before they count, in order, and reads see them; see docs/decisions/0013.
_CLUSTER_SETTINGS: dict[str, Any] = {
    "distributed_foreground_insert": 1,
    "distributed_product_mode": "global",
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
}
_CONNECTION: dict[str, Any] = {
    "client_name": "gapwatch",
    "connect_timeout": 5.0,
    # While a query runs, the server tells its progress ten times a second. Only an insert is silent to its end, which
    # takes seconds at the most, and is recognised when it is made again. Silence means that nobody is there any more.
    "send_receive_timeout": 30.0,
    # Between queries: seconds until the first question, seconds between them, how many without an answer.
    "tcp_keepalive": (10, 5, 3),
}


def connect(url: str, *, database: str | None = None) -> Client:
    """A client for one thread; it connects at the first query. What the URL says wins over our defaults.

    `database` replaces the one the URL names; empty, it is the user's default.
    `url` is clickhouse://user:password@host:port/database[?secure=true&ca_certs=FILE&compression=lz4...].
    Raises SettingsError for a URL that is none.
    """
    host, options = _parsed(url)
    if database is not None:
        options["database"] = database
    cluster = _CLUSTER_SETTINGS if settings().clickhouse_cluster else {}
    options["settings"] = _SETTINGS | cluster | options.get("settings", {})
    return Client(host, **(_CONNECTION | options))


@contextmanager
def connected(url: str) -> Iterator[Client]:
    """A client, for a task with temporary tables or long results; its errors become StoreError."""
    with connect(url) as client:
        try:
            yield client
        except (Error, OSError, EOFError) as error:
            raise store_error(error, ClickHouse(url).server) from error


def database_of(url: str) -> str:
    """The database that a URL names."""
    return str(_parsed(url)[1]["database"])


def _parsed(url: str) -> tuple[str, dict[str, Any]]:
    try:
        host, options = parse_url(url)
    except ValueError:
        host, options = None, {}
    if not url.startswith(("clickhouse://", "clickhouses://")) or not host or not options.get("database"):
        raise SettingsError(
            "GAPWATCH_CLICKHOUSE: not of the form clickhouse://user:password@host:port/database; "
            "encode special characters of the password, @ as %40"
        )
    return host, options


class ClickHouse:
    """Queries one server from any thread, each over a connection of its own.

    After an error the connection is given up: what is left on it is unknown, and would answer the next query.
    """

    def __init__(self, url: str, *, database: str | None = None) -> None:
        host, options = _parsed(url)
        self.server = f"{host}:{options.get('port', 9000)}"
        self.database = str(options["database"]) if database is None else database
        self._url = url
        self._local = threading.local()

    def execute(self, query: str, data: Any = None, **options: Any) -> Any:
        """What `clickhouse_driver.Client.execute` returns.

        `data` is a list of rows, or of columns, to insert; a mapping holds the parameters of a query.
        Raises StoreUnavailable or StoreError, and RowsRefused where a value of the rows cannot be stored.
        """
        client = self._client()
        try:
            return client.execute(query, data, **options)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception):
                raise store_error(error, self.server, inserting=isinstance(data, list)) from error
            raise

    def close(self) -> None:
        """Close the connection of the calling thread."""
        client = self._local.__dict__.pop("client", None)
        if client is not None:
            client.disconnect()

    def _client(self) -> Client:
        if not hasattr(self._local, "client"):
            self._local.client = connect(self._url, database=self.database)
        return self._local.client
