"""Where the servers are, by the settings."""

from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from pipeline.endpoints import endpoints, kafka_client_options, masked
from pipeline.errors import SettingsError, StackError


@pytest.fixture
def named(settings_env: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    settings_env.setenv("GAPWATCH_KAFKA", "one:9092,two:9092")
    settings_env.setenv("GAPWATCH_CLICKHOUSE", "clickhouse://me:secret@ch:9440/db?secure=true")
    return settings_env


def test_named_servers_are_used_as_they_stand(named: pytest.MonkeyPatch) -> None:
    assert endpoints() == ("one:9092,two:9092", "clickhouse://me:secret@ch:9440/db?secure=true")
    assert kafka_client_options() == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_nothing_named_and_nothing_running_is_told(settings_env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    with pytest.raises(StackError, match="gapwatch up"):
        endpoints()


def test_sasl_over_tls(named: pytest.MonkeyPatch) -> None:
    named.setenv("GAPWATCH_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    named.setenv("GAPWATCH_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    named.setenv("GAPWATCH_KAFKA_SASL_USERNAME", "user")
    named.setenv("GAPWATCH_KAFKA_SASL_PASSWORD", "secret")
    named.setenv("GAPWATCH_KAFKA_SSL_CAFILE", "/etc/ca.pem")
    options = kafka_client_options()
    assert (
        options.items()
        >= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "user",
            "sasl_plain_password": "secret",
            "ssl_cafile": "/etc/ca.pem",
        }.items()
    )
    assert "ssl_keyfile" not in options
    for client in (KafkaAdminClient, KafkaConsumer, KafkaProducer):
        assert options.keys() <= client.DEFAULT_CONFIG.keys()


def test_sasl_without_password_is_told(named: pytest.MonkeyPatch) -> None:
    named.setenv("GAPWATCH_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    with pytest.raises(SettingsError, match="GAPWATCH_KAFKA_SASL_PASSWORD"):
        kafka_client_options()


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
