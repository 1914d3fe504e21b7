"""The ClickHouse of the local stack: its configuration and its process."""

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from pipeline.stack.service import Service

HOST = "127.0.0.1"
DATABASE = "gapwatch"
USER = "gapwatch"
READER = "analyst"
_MEMORY_BYTES = 2 * 1024**3  # of the whole server; a query may take half, so that one bad query fails alone

_CONFIG = f"""\
<clickhouse>
  <listen_host>{HOST}</listen_host>
  <tcp_port>{{tcp_port}}</tcp_port>
  <http_port>{{http_port}}</http_port>
  <users_config>users.xml</users_config>
  <max_server_memory_usage>{_MEMORY_BYTES}</max_server_memory_usage>
  <mark_cache_size>134217728</mark_cache_size>
  <logger>
    <level>information</level>
    <log>clickhouse.log</log>
    <errorlog>clickhouse.err.log</errorlog>
    <size>10M</size>
    <count>3</count>
  </logger>
  <query_log>
    <database>system</database>
    <table>query_log</table>
    <ttl>event_date + INTERVAL 7 DAY DELETE</ttl>
    <flush_interval_milliseconds>7500</flush_interval_milliseconds>
  </query_log>
</clickhouse>
"""

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
    <reader>
      <profile>default</profile>
      <readonly>2</readonly>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>::1</ip></networks>
      <profile>default</profile>
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
    def address(self) -> str:
        return f"{HOST}:{self._access.tcp_port}"

    @property
    def url(self) -> str:
        """clickhouse://user:password@host:port/gapwatch, with all rights."""
        return f"clickhouse://{USER}:{self._access.password}@{self.address}/{DATABASE}"

    @property
    def reader_url(self) -> str:
        """The same for a user who can only read, for dashboards and analysts."""
        return f"clickhouse://{READER}:{self._access.reader_password}@{self.address}/{DATABASE}"

    @property
    def http(self) -> str:
        """The HTTP listener, http://host:port."""
        return f"http://{HOST}:{self._access.http_port}"

    @property
    def marker(self) -> str:
        return str(self.directory)

    @property
    def log_file(self) -> Path:
        return self.directory / "clickhouse.log"

    def prepare(self) -> None:
        config = _CONFIG.format(tcp_port=self._access.tcp_port, http_port=self._access.http_port)
        (self.directory / "config.xml").write_text(config, encoding="ascii")
        users = self.directory / "users.xml"
        users.touch(mode=0o600)
        users.write_text(self._users(), encoding="ascii")

    def command(self) -> list[str]:
        return [sys.executable, "-m", "pipeline.stack.clickhouse_server", self.marker]

    def probe(self) -> None:
        from clickhouse_driver import Client  # noqa: PLC0415 - not needed to print a help text

        address = urlsplit(self.url)
        client = Client(
            HOST,
            self._access.tcp_port,
            user=USER,
            password=address.password,
            connect_timeout=2,
            send_receive_timeout=5,
        )
        with client:
            client.execute("SELECT 1")

    def create_database(self) -> None:
        """Create the database of the URL unless it is there, so that a client can connect with it."""
        from clickhouse_driver import Client  # noqa: PLC0415

        with Client(HOST, self._access.tcp_port, user=USER, password=self._access.password) as client:
            client.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    def _users(self) -> str:
        return _USERS.format(
            query_memory=_MEMORY_BYTES // 2,
            user=USER,
            user_hash=_hash(self._access.password),
            reader=READER,
            reader_hash=_hash(self._access.reader_password),
        )


def _hash(password: str) -> str:
    return escape(hashlib.sha256(password.encode()).hexdigest())
