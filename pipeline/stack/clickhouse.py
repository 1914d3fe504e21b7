"""The ClickHouse of the local stack: its configuration and its process."""

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import psutil

from gapwatch.pipeline.stack.service import Service

DATABASE = "gapwatch"
USER = "gapwatch"
READER = "analyst"
KEPT_FREE_BYTES = 256 * 1024**2
"""Free space of the disk below which nothing is inserted or merged."""
_MEMORY_BYTES = 2 * 1024**3

_CONFIG = """\
<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <tcp_port>{tcp_port}</tcp_port>
  <http_port>{http_port}</http_port>
  <users_config>users.xml</users_config>
  <timezone>UTC</timezone>
  <max_server_memory_usage>{server_memory}</max_server_memory_usage>
  <mark_cache_size>134217728</mark_cache_size>
  <storage_configuration>
    <disks><default><keep_free_space_bytes>{kept_free}</keep_free_space_bytes></default></disks>
  </storage_configuration>
  <log-level>information</log-level>
  <logger>
    <log>clickhouse.log</log>
    <errorlog>clickhouse.err.log</errorlog>
    <size>10M</size>
    <count>3</count>
  </logger>
  <query_log>
    <database>system</database>
    <table>query_log</table>
    <ttl>event_date + INTERVAL 7 DAY DELETE</ttl>
  </query_log>
</clickhouse>
"""

# The engine itself logs in as `default` without a password, and its network rules cannot tell it from a client on this
# machine. One session, the engine's own, is all that this user may have, so nobody else can log in by it.
# async_insert, implicit_select and poll_interval have other defaults in this build than in a server.
_USERS = """\
<clickhouse>
  <profiles>
    <default>
      <async_insert>0</async_insert>
      <implicit_select>0</implicit_select>
      <poll_interval>1</poll_interval>
      <max_memory_usage>{query_memory}</max_memory_usage>
    </default>
    <engine>
      <profile>default</profile>
      <max_sessions_for_user>1</max_sessions_for_user>
    </engine>
    <reader>
      <profile>default</profile>
      <readonly>2</readonly>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>engine</profile>
      <quota>default</quota>
    </default>
    <{user}>
      <password_sha256_hex>{user_hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </{user}>
    <{reader}>
      <password_sha256_hex>{reader_hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>reader</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SHOW, SELECT ON {database}.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </{reader}>
  </users>
</clickhouse>
"""


class Access(NamedTuple):
    """Ports and passwords of the server."""

    tcp_port: int
    http_port: int
    password: str
    reader_password: str


class ClickHouse(Service):
    """The listener of `clickhouse_server.py` on one directory."""

    def __init__(self, directory: Path, access: Access) -> None:
        super().__init__("clickhouse", directory)
        self._access = access

    @property
    def ports(self) -> list[int]:
        return [self._access.tcp_port, self._access.http_port]

    @property
    def url(self) -> str:
        """clickhouse://user:password@host:port/gapwatch, with all rights."""
        return f"clickhouse://{USER}:{self._access.password}@{self.address}/{DATABASE}"

    @property
    def http(self) -> str:
        """The HTTP listener, http://host:port, for clients that do not speak the native protocol."""
        return f"http://127.0.0.1:{self._access.http_port}"

    @property
    def log_file(self) -> Path:
        return self.directory / "clickhouse.log"

    def prepare(self) -> None:
        memory = min(_MEMORY_BYTES, psutil.virtual_memory().total // 2)
        (self.directory / "config.xml").write_text(
            _CONFIG.format(
                tcp_port=self._access.tcp_port,
                http_port=self._access.http_port,
                server_memory=memory,
                kept_free=KEPT_FREE_BYTES,
            ),
            encoding="ascii",
        )
        users = self.directory / "users.xml"
        users.touch(mode=0o600)
        users.write_text(self._users(query_memory=memory // 2), encoding="ascii")

    def command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "gapwatch.pipeline.stack.clickhouse_server", self.marker]

    def probe(self) -> None:
        self._execute("SELECT 1")

    def create_database(self) -> None:
        """Create the database of the URL unless it is there, for a client connects to a database that exists."""
        self._execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    def _execute(self, statement: str) -> None:
        from clickhouse_driver import Client  # noqa: PLC0415 - not needed to print a help text

        with Client(
            "127.0.0.1",
            self._access.tcp_port,
            user=USER,
            password=self._access.password,
            connect_timeout=5,
            send_receive_timeout=10,
        ) as client:
            client.execute(statement)

    def _users(self, query_memory: int) -> str:
        return _USERS.format(
            query_memory=query_memory,
            user=USER,
            user_hash=_sha256(self._access.password),
            reader=READER,
            reader_hash=_sha256(self._access.reader_password),
            database=DATABASE,
        )


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
