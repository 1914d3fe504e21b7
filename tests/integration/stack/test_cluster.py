"""The cluster's tables on two servers: rows spread over shards, views over both, and the same sums as on one server.

The engine of the local stack runs no ON CLUSTER statement and no replicated table (docs/scaling.md). So each server is
given the statements by itself, its parts not replicated; everything else is as on a cluster.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.sample_events import at, chat, complaint, feedback
from support.sample_pipeline import World

from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.maintenance.recount import recount
from gapwatch.pipeline.maintenance.reprocess import Outcome, Reprocessing
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.stack.clickhouse import DATABASE, USER, Access, ClickHouse
from gapwatch.pipeline.stack.state import free_ports
from gapwatch.pipeline.store import connect
from gapwatch.pipeline.store.migrations import migrations

_CLUSTER = "company"


class _Shard(ClickHouse):
    """A server that knows of the others."""

    def __init__(self, directory: Path, access: Access, ports: list[int]) -> None:
        super().__init__(directory, access)
        shards = "".join(
            f"<shard><replica><host>127.0.0.1</host><port>{port}</port><user>{USER}</user>"
            f"<password>{access.password}</password></replica></shard>"
            for port in ports
        )
        self._servers = f"<remote_servers><{_CLUSTER}>{shards}</{_CLUSTER}></remote_servers>"

    def prepare(self) -> None:
        super().prepare()
        config = self.directory / "config.xml"
        text = config.read_text(encoding="ascii")
        config.write_text(text.replace("</clickhouse>", f"{self._servers}</clickhouse>"), encoding="ascii")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ClickHouse]]:
    ports = free_ports(4)
    shards = [
        _Shard(
            tmp_path_factory.mktemp(f"shard{number}"),
            Access(ports[number], ports[number + 2], "s3cret", "r"),
            ports[:2],
        )
        for number in range(2)
    ]
    for shard in shards:
        shard.start(wait=False)
    for shard in shards:
        shard.wait_ready()
        shard.create_database()
    yield list(shards)
    for shard in shards:
        shard.stop()


@pytest.fixture
def cluster(servers: list[ClickHouse], settings_env: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of the first of two servers, tables made and empty, in force as GAPWATCH_CLICKHOUSE."""
    settings_env.setenv("GAPWATCH_CLICKHOUSE", servers[0].url)
    settings_env.setenv("GAPWATCH_CLICKHOUSE_CLUSTER", _CLUSTER)
    settings.cache_clear()
    for server in servers:
        with connect(server.url) as client:
            for migration in migrations():
                for statement in migration.statements(_CLUSTER, 400, DATABASE):
                    client.execute(_by_itself(statement))
    yield servers[0].url
    for server in servers:
        with connect(server.url, database="") as client:
            client.execute(f"DROP DATABASE {DATABASE} SYNC")
        server.create_database()


def _by_itself(statement: str) -> str:
    alone = statement.replace(f"ON CLUSTER `{_CLUSTER}`", "").replace("replicated_dedup", "non_replicated_dedup")
    return re.sub(r"Replicated(?=\w*MergeTree)", "", alone)


@pytest.fixture
def world(event_topics: None, kafka: str, cluster: str, group: str) -> Iterator[World]:
    settings.cache_clear()
    made = World(kafka, cluster, group)
    yield made
    made.close()


def _history(world: World) -> None:
    world.process(
        *world.publish(
            *[feedback(f"f{n}", 7 * n, n, "fulfillment", "design", customer=f"c{n % 5}") for n in range(60)],
            *[complaint(f"k{n}", 60 * n, n, promised=at(0), delivered=at(30 * n)) for n in range(10)],
            *[chat(f"h{n}", 11 * n, n, wait=n * 3.5 if n % 3 else None) for n in range(12)],
        )
    )
    world.process(
        *world.publish(
            feedback("f1", 7, 100, "fulfillment", customer="c1"),
            feedback("f2", 900, 101, "information", product="P2", customer="c2"),
            # Another event than the feedback of this id.
            complaint("f4", 2000, 103, promised=None, delivered=None),
        )
    )
    world.catch_up()


@pytest.mark.parametrize("table", ["event_versions", "event_places", "gap_minute_generations"])
def test_rows_lie_on_both_shards(world: World, servers: list[ClickHouse], table: str) -> None:
    _history(world)
    for server in servers:
        with connect(server.url) as client:
            assert client.execute(f"SELECT count() > 10 FROM {table}_local") == [(1,)]  # noqa: S608


def test_a_history_is_exact_seen_from_either_server(
    world: World, servers: list[ClickHouse], settings_env: pytest.MonkeyPatch
) -> None:
    _history(world)
    for server in servers:
        result = recount(server.url)
        assert result.exact, result
        with connect(server.url) as client:
            assert client.execute("SELECT count(), uniqExact(event_id) FROM events") == [(83, 82)]
            assert client.execute("SELECT sum(primary_events) FROM gap_minute") == [(83,)]
            assert client.execute("SELECT sum(primary_events) FROM gap_day") == [(83,)]
            assert client.execute("SELECT sum(conversations) FROM chat_day") == [(12,)]


def test_the_recount_repairs(world: World) -> None:
    _history(world)
    world.query("TRUNCATE TABLE gap_hour_generations_local")
    assert recount(world.database).differs
    assert recount(world.database, repair=True).exact


def test_events_are_read_again(world: World) -> None:
    _history(world)
    work, outcome = Reprocessing(world.database, Reader(), None, None), Outcome()
    for day in work.days:
        work.run(day, lambda _: None, outcome)
    assert outcome.read == 83
    assert recount(world.database).exact
