"""Where Kafka and ClickHouse are: the servers that the settings name, else the local stack that runs."""

from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import msgspec

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.hosting import state_files
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.words.catalogue import message

LOCAL_FILE = "endpoints.json"
"""In the data directory, the addresses of a local stack that is up."""


class LocalServers(msgspec.Struct):
    """Kept in `LOCAL_FILE`: addresses as in Endpoints, and each server's process id by the mark of its command line."""

    kafka: str
    clickhouse: str
    processes: dict[str, int]


class Endpoints(NamedTuple):
    """`kafka` is host:port[,host:port]; `clickhouse` is clickhouse://user:password@host:port/database."""

    kafka: str
    clickhouse: str


def endpoints() -> Endpoints:
    """Where the servers are. Nothing is contacted.

    Raises StackError when a server is not named in the settings and no local stack runs.
    """
    clickhouse = settings().clickhouse
    return Endpoints(kafka_servers(), clickhouse.get_secret_value() if clickhouse else _local_servers().clickhouse)


def kafka_servers() -> str:
    """Kafka's alone, for whoever needs no ClickHouse. Raises StackError as `endpoints` does."""
    return settings().kafka or _local_servers().kafka


def _local_servers() -> LocalServers:
    from gapwatch.pipeline.hosting.processes import find  # noqa: PLC0415 - a publisher that names its Kafka needs no psutil

    data_dir = settings().data_dir.resolve()
    servers = state_files.load(data_dir / LOCAL_FILE, LocalServers, message("gapwatch up writes it anew"))
    if servers is None or not any(find(mark, pid) for mark, pid in servers.processes.items()):
        raise StackError(
            "no Kafka and no ClickHouse: nothing runs in {folder}. Start the local stack with: gapwatch up; or "
            "name servers of yours in GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE",
            folder=data_dir,
        )
    return servers


def masked(url: str) -> str:
    """A URL fit for a log or a screen: the password is replaced by ***."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))
