"""Where Kafka and ClickHouse are: the servers that the settings name, else the running local stack."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from pipeline.errors import SettingsError, StackError
from pipeline.settings import settings
from pipeline.stack import LocalStack


class Endpoints(NamedTuple):
    """`kafka` is host:port[,host:port]; `clickhouse` is clickhouse://user:password@host:port/database."""

    kafka: str
    clickhouse: str


def endpoints() -> Endpoints:
    """Where the servers are. Nothing is contacted.

    Raises StackError when a server is not named in the settings and no local stack runs.
    """
    clickhouse = settings().clickhouse
    return Endpoints(_kafka(), clickhouse.get_secret_value() if clickhouse else _running_stack().clickhouse.url)


def _kafka() -> str:
    return settings().kafka or _running_stack().kafka


def _running_stack() -> LocalStack:
    stack = LocalStack(settings().data_dir)
    if not any(service.pid for service in [*stack.brokers, stack.clickhouse]):
        raise StackError(
            f"no Kafka and no ClickHouse: nothing runs in {stack.data_dir}. Start the local stack with: gapwatch up; "
            "or name servers of yours in GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE"
        )
    return stack


def kafka_client_options() -> dict[str, Any]:
    """How to reach Kafka, as keyword arguments for any client of kafka-python, SASL and TLS included."""
    in_force = settings()
    options: dict[str, Any] = {
        "bootstrap_servers": _kafka().split(","),
        "security_protocol": in_force.kafka_security_protocol,
    }
    if in_force.kafka_security_protocol.startswith("SASL"):
        username, password = _sasl_credentials()
        options |= {
            "sasl_mechanism": in_force.kafka_sasl_mechanism,
            "sasl_plain_username": username,
            "sasl_plain_password": password,
        }
    if in_force.kafka_security_protocol.endswith("SSL"):
        files = {
            "ssl_cafile": in_force.kafka_ssl_cafile,
            "ssl_certfile": in_force.kafka_ssl_certfile,
            "ssl_keyfile": in_force.kafka_ssl_keyfile,
        }
        options |= {name: str(path) for name, path in files.items() if path is not None}
    return options


def _sasl_credentials() -> tuple[str, str]:
    in_force = settings()
    if in_force.kafka_sasl_username is None or in_force.kafka_sasl_password is None:
        raise SettingsError(
            f"GAPWATCH_KAFKA_SECURITY_PROTOCOL={in_force.kafka_security_protocol} needs GAPWATCH_KAFKA_SASL_USERNAME "
            "and GAPWATCH_KAFKA_SASL_PASSWORD"
        )
    return in_force.kafka_sasl_username, in_force.kafka_sasl_password.get_secret_value()


def masked(url: str) -> str:
    """A URL fit for a log or a screen: the password is replaced by ***."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))
