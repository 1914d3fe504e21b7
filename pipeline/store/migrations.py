"""The tables, created and changed by the numbered files of `schemas/clickhouse/`.

A file is applied once, in the order of its number, and never changed afterwards: a change is a new file. What was
applied is kept with its checksum in the table `schema_migrations`. Every statement can be repeated (IF NOT EXISTS, OR
REPLACE), so that any number of workers may start at once: two that apply the same file do the same thing.

The same files serve one server and a cluster. Placeholders, the left form without GAPWATCH_CLICKHOUSE_CLUSTER:

    {on_cluster}            nothing           | ON CLUSTER `name`
    {local}                 nothing           | _local, the suffix of a table's part on one shard
    {replicated}            nothing           | Replicated, before the name of an engine
    {deduplication_window}  non_replicated_deduplication_window | replicated_deduplication_window
    {retention_days}        GAPWATCH_RETENTION_DAYS
    -- distributed: T by K  a comment         | the table T over the T_local of all shards, sharded by K

A statement ends with a semicolon at the end of a line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from gapwatch.pipeline.errors import StoreError
from gapwatch.pipeline.hosting.retrying import Limits, retrying
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store.connection import ClickHouse, database_of

# Two who create one table in the same instant may get an error from ClickHouse instead of IF NOT EXISTS.
_LIMITS = Limits(attempts=4, first_pause=0.1, longest_pause=2.0)
_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_DISTRIBUTED = re.compile(r"^-- distributed: (\w+) by (.+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_RETENTION = re.compile(r"(TTL .*?toIntervalDay\()(\d+)(\))")


@dataclass(frozen=True)
class Migration:
    """One file: its name, its text and the checksum of the text."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    def statements(self, cluster: str | None, retention_days: int, database: str) -> Iterator[str]:
        """The statements for one server, or for a cluster."""
        return _statements(self.text, cluster, retention_days, database)


_HISTORY = Migration(
    "schema_migrations",
    """
CREATE TABLE IF NOT EXISTS schema_migrations{local} {on_cluster}
(name String, checksum String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = {replicated}ReplacingMergeTree ORDER BY name;
-- distributed: schema_migrations by halfMD5(name)
""",
)


def migrations() -> list[Migration]:
    """The files that this version ships, in order."""
    directory = resources.files("gapwatch.schemas") / "clickhouse"
    files = (file for file in directory.iterdir() if _NAME.fullmatch(file.name))
    return [Migration(file.name, file.read_text("utf-8")) for file in sorted(files, key=lambda file: file.name)]


def migrate(url: str) -> list[str]:
    """Create the database, apply the migrations it lacks, set the retention; returns the names of those applied.

    Safe to call from any number of processes at once. Raises StoreError when an applied migration was changed or is
    not known to this version, and when ClickHouse refuses.
    """
    _create_database(url)
    attempts = retrying(_LIMITS, lambda error: isinstance(error, StoreError))
    clickhouse = ClickHouse(url)
    try:
        pending = pending_migrations(clickhouse)
        for migration in pending:
            attempts(_apply, clickhouse, migration)
        _set_retention(clickhouse)
    finally:
        clickhouse.close()
    return [migration.name for migration in pending]


def pending_migrations(clickhouse: ClickHouse, shipped: list[Migration] | None = None) -> list[Migration]:
    """The shipped migrations that the database lacks.

    Raises StoreError when what was applied is not what is shipped.
    """
    applied = _applied(clickhouse)
    known = {migration.name: migration for migration in (migrations() if shipped is None else shipped)}
    for name, checksum in sorted(applied.items()):
        if name not in known:
            raise StoreError(
                "database {database} at {server} has the migration {name}, which this version of gapwatch does not "
                "know; a newer version made it: install that one",
                database=clickhouse.database,
                server=clickhouse.server,
                name=name,
            )
        if known[name].checksum != checksum:
            raise StoreError(
                "migration {name} was applied to database {database} at {server} with another text than it has here; "
                "restore the file and put the change into a new one",
                name=name,
                database=clickhouse.database,
                server=clickhouse.server,
            )
    return [migration for name, migration in known.items() if name not in applied]


def _create_database(url: str) -> None:
    cluster = settings().clickhouse_cluster
    name = database_of(url)
    query = f"CREATE DATABASE IF NOT EXISTS `{name}`" + (f" ON CLUSTER `{cluster}`" if cluster else "")
    # Hello with a database that is not there is refused, so this one connection says none.
    ClickHouse(url, database="").execute(query)


def _applied(clickhouse: ClickHouse) -> dict[str, str]:
    _execute(clickhouse, _HISTORY)
    return dict(clickhouse.execute("SELECT name, checksum FROM schema_migrations FINAL"))


def _apply(clickhouse: ClickHouse, migration: Migration) -> None:
    _execute(clickhouse, migration)
    clickhouse.execute("INSERT INTO schema_migrations (name, checksum) VALUES", [(migration.name, migration.checksum)])


def _execute(clickhouse: ClickHouse, migration: Migration) -> None:
    in_force = settings()
    for statement in migration.statements(in_force.clickhouse_cluster, in_force.retention_days, clickhouse.database):
        clickhouse.execute(statement)


def _set_retention(clickhouse: ClickHouse) -> None:
    """Tables keep the TTL they were created with; where the setting has changed since, it is changed there too."""
    cluster = settings().clickhouse_cluster
    tables = clickhouse.execute(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    for name, query in tables:
        ttl = _RETENTION.search(query)
        if ttl and int(ttl[2]) != settings().retention_days:
            kept = f"{ttl[1]}{settings().retention_days}{ttl[3]}"
            place = f"`{name}`" + (f" ON CLUSTER `{cluster}`" if cluster else "")
            clickhouse.execute(f"ALTER TABLE {place} MODIFY {kept} SETTINGS materialize_ttl_after_modify = 0")


def _statements(text: str, cluster: str | None, retention_days: int, database: str) -> Iterator[str]:
    values = _placeholders(cluster) | {"retention_days": str(retention_days), "database": database}
    if cluster:
        text = _DISTRIBUTED.sub(_distributed_table, text)
    rendered = _PLACEHOLDER.sub(lambda match: values[match[1]], _COMMENT.sub("", text))
    for statement in re.split(r";\s*$", rendered, flags=re.MULTILINE):
        if statement.strip():
            yield statement.strip()


def _placeholders(cluster: str | None) -> dict[str, str]:
    if cluster is None:
        return {
            "on_cluster": "",
            "local": "",
            "replicated": "",
            "deduplication_window": "non_replicated_deduplication_window",
        }
    return {
        "cluster": cluster,
        "on_cluster": f"ON CLUSTER `{cluster}`",
        "local": "_local",
        "replicated": "Replicated",
        "deduplication_window": "replicated_deduplication_window",
    }


def _distributed_table(match: re.Match[str]) -> str:
    table, key = match.groups()
    # Hashed, because minutes and hours in seconds are all even, and rows go to the shard of the remainder.
    return (
        f"CREATE TABLE IF NOT EXISTS {table} {{on_cluster}} AS {table}{{local}}\n"
        f"ENGINE = Distributed('{{cluster}}', '{{database}}', {table}{{local}}, intHash64({key}));"
    )
