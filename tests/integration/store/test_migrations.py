"""Migrations on a real ClickHouse."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from gapwatch.pipeline.errors import StoreError, StoreUnavailable
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import ClickHouse, migrate
from gapwatch.pipeline.store.migrations import Migration, migrations, pending_migrations

_NAMES = [migration.name for migration in migrations()]


def test_each_is_applied_once(empty_database: str) -> None:
    assert migrate(empty_database) == _NAMES
    assert migrate(empty_database) == []


def test_workers_that_start_together_all_find_the_tables(empty_database: str) -> None:
    with ThreadPoolExecutor(6) as workers:
        list(workers.map(migrate, [empty_database] * 6))
    recorded = ClickHouse(empty_database).execute("SELECT name FROM schema_migrations FINAL ORDER BY name")
    assert [name for (name,) in recorded] == _NAMES
    assert migrate(empty_database) == []


def test_the_database_is_created(empty_database: str) -> None:
    url = f"{empty_database}_new"
    clickhouse = ClickHouse(url)
    try:
        assert migrate(url) == _NAMES
        assert clickhouse.execute("SELECT count() FROM events") == [(0,)]
    finally:
        clickhouse.execute(f"DROP DATABASE {clickhouse.database} SYNC")


def test_a_migration_cut_short_is_applied_again(empty_database: str) -> None:
    clickhouse = ClickHouse(empty_database)
    first = migrations()[0]
    clickhouse.execute(next(first.statements(None, 400, "gapwatch")))
    assert migrate(empty_database) == _NAMES


def test_a_changed_file_is_told(database: str) -> None:
    changed = [Migration(_NAMES[0], "SELECT 1;"), *migrations()[1:]]
    with pytest.raises(StoreError, match=rf"migration {_NAMES[0]} was applied .* with another text"):
        pending_migrations(ClickHouse(database), changed)


def test_a_file_of_a_newer_version_is_told(database: str) -> None:
    with pytest.raises(StoreError, match=rf"migration {_NAMES[-1]}, which this version of gapwatch does not know"):
        pending_migrations(ClickHouse(database), migrations()[:-1])


def test_a_new_file_is_pending(database: str) -> None:
    new = Migration("9999_new.sql", "SELECT 1;")
    assert pending_migrations(ClickHouse(database), [*migrations(), new]) == [new]


def test_the_retention_follows_the_setting(database: str, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_RETENTION_DAYS", "90")
    settings.cache_clear()
    migrate(database)
    tables = dict(
        ClickHouse(database).execute(
            "SELECT name, extract(create_table_query, 'toIntervalDay\\\\((\\\\d+)\\\\)') FROM system.tables "
            "WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        )
    )
    assert tables["event_versions"] == tables["event_places"] == tables["gap_minute_generations"] == "90"
    assert tables["gap_day_generations"] == ""


def test_cluster_forms_are_sql_that_the_server_understands(database: str) -> None:
    clickhouse = ClickHouse(database)
    for migration in migrations():
        for statement in migration.statements("company", 400, "gapwatch"):
            assert clickhouse.execute(f"EXPLAIN AST {statement}")


def test_no_server_is_told_in_one_line() -> None:
    with pytest.raises(StoreUnavailable, match=r"ClickHouse at 127\.0\.0\.1:1: the server cannot be reached"):
        migrate("clickhouse://u:secret@127.0.0.1:1/gapwatch")


def test_a_wrong_password_is_told_without_it(database: str) -> None:
    wrong = database.replace("://", "://nobody:", 1).split("@")[-1]
    with pytest.raises(StoreError, match=r"look at GAPWATCH_CLICKHOUSE") as told:
        migrate(f"clickhouse://nobody:hunter2@{wrong}")
    assert "hunter2" not in str(told.value)
