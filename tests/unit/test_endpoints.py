"""Where the servers are, by the settings."""

from pathlib import Path

import pytest

from gapwatch.pipeline.endpoints import endpoints, kafka_client_options, masked
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.kafka.client import Client


@pytest.fixture
def named(settings_env: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    settings_env.setenv("GAPWATCH_KAFKA", "one:9092,two:9092")
    settings_env.setenv("GAPWATCH_CLICKHOUSE", "clickhouse://me:secret@ch:9440/db?secure=true")
    return settings_env


def test_named_servers_are_used_as_they_stand(named: pytest.MonkeyPatch) -> None:
    assert endpoints() == ("one:9092,two:9092", "clickhouse://me:secret@ch:9440/db?secure=true")
    assert kafka_client_options() == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "kafka_client": Client,
        "security_protocol": "PLAINTEXT",
    }


def test_nothing_named_and_nothing_running_is_told(settings_env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    with pytest.raises(StackError, match="gapwatch up"):
        endpoints()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("clickhouse://me:secret@host:9000/db?secure=true", "clickhouse://me:***@host:9000/db?secure=true"),
        ("clickhouse://me:p%40ss@host/db", "clickhouse://me:***@host/db"),
        ("clickhouse://host:9000/db", "clickhouse://host:9000/db"),
        ("clickhouse://me@host:9000/db", "clickhouse://me@host:9000/db"),
    ],
)
def test_masked_urls_show_no_password(url: str, shown: str) -> None:
    assert masked(url) == shown
