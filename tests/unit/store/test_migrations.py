"""Migrations as SQL, for one server and for a cluster."""

import re

from gapwatch.pipeline.store.migrations import Migration, migrations


def test_migrations_are_applied_in_the_order_of_their_numbers() -> None:
    numbers = [migration.name[:4] for migration in migrations()]
    assert numbers == sorted(set(numbers))


def test_every_statement_can_be_repeated() -> None:
    for migration in migrations():
        for statement in migration.statements(None, 400, "gapwatch"):
            first, *lines = statement.splitlines()
            changed = lines if first.startswith("ALTER") else [first]
            assert all(re.search("IF NOT EXISTS|OR REPLACE|IF EXISTS", line) for line in changed), statement


def test_on_one_server_nothing_of_a_cluster_is_left() -> None:
    text = "\n".join(
        statement for migration in migrations() for statement in migration.statements(None, 123, "gapwatch")
    )
    assert not [word for word in ("{", "ON CLUSTER", "Replicated", "Distributed", "_local") if word in text]
    assert "toIntervalDay(123)" in text


def test_on_a_cluster_every_table_is_replicated_and_spread() -> None:
    migration = Migration(
        "0001_x.sql",
        """-- a comment with a semicolon;
CREATE TABLE IF NOT EXISTS t{local} {on_cluster} (a String) ENGINE = {replicated}MergeTree ORDER BY a
SETTINGS {deduplication_window} = 10;
-- distributed: t by halfMD5(a)
CREATE OR REPLACE VIEW v {on_cluster} AS SELECT a FROM t;
""",
    )
    table, spread, view = migration.statements("company", 400, "gapwatch")
    assert "t_local ON CLUSTER `company` (a String) ENGINE = ReplicatedMergeTree" in table
    assert "SETTINGS replicated_deduplication_window = 10" in table
    assert spread == (
        "CREATE TABLE IF NOT EXISTS t ON CLUSTER `company` AS t_local\n"
        "ENGINE = Distributed('company', 'gapwatch', t_local, intHash64(halfMD5(a)))"
    )
    assert "VIEW v ON CLUSTER `company` AS SELECT a FROM t" in view


def test_on_a_cluster_every_mergetree_has_its_distributed_table() -> None:
    for migration in migrations():
        statements = list(migration.statements("company", 400, "gapwatch"))
        replicated = [statement for statement in statements if "MergeTree" in statement]
        assert all("ENGINE = Replicated" in statement for statement in replicated)
        assert len(replicated) == sum("ENGINE = Distributed" in statement for statement in statements)
