"""Where Kafka and ClickHouse are: the servers that the settings name, else the running local stack."""

import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from gapwatch.pipeline.errors import SettingsError, StackError
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.stack import LocalStack


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
    """How to reach Kafka, as keyword arguments for any client of kafka-python, SASL and TLS included.

    Raises SettingsError when something that the security protocol needs is missing or cannot be used.
    """
    from gapwatch.pipeline.kafka.client import Client  # noqa: PLC0415 - half a second that `gapwatch down` need not wait for

    options: dict[str, Any] = {
        "bootstrap_servers": _kafka().split(","),
        "kafka_client": Client,
        "security_protocol": settings().kafka_security_protocol,
    }
    if sasl := kafka_sasl():
        options |= {
            "sasl_mechanism": sasl.mechanism,
            "sasl_plain_username": sasl.username,
            "sasl_plain_password": sasl.password.get_secret_value(),
        }
    if context := kafka_tls():
        options["ssl_context"] = context
    return options


class Sasl(NamedTuple):
    """Who we are to Kafka, and how we prove it."""

    mechanism: str
    username: str
    password: SecretStr


def kafka_sasl() -> Sasl | None:
    """None where the security protocol has no SASL. Raises SettingsError when user or password is missing."""
    in_force = settings()
    if not in_force.kafka_security_protocol.startswith("SASL"):
        return None
    if in_force.kafka_sasl_username is None or in_force.kafka_sasl_password is None:
        raise SettingsError(
            f"GAPWATCH_KAFKA_SECURITY_PROTOCOL={in_force.kafka_security_protocol} needs GAPWATCH_KAFKA_SASL_USERNAME "
            "and GAPWATCH_KAFKA_SASL_PASSWORD"
        )
    return Sasl(in_force.kafka_sasl_mechanism, in_force.kafka_sasl_username, in_force.kafka_sasl_password)


def kafka_tls() -> ssl.SSLContext | None:
    """Whom we trust and, if set, our own certificate. None where the security protocol has no TLS.

    Made here for every client, because kafka-python reads the files at each connection, where one that is missing looks
    like a Kafka that does not answer. Raises SettingsError when a file cannot be used.
    """
    in_force = settings()
    if not in_force.kafka_security_protocol.endswith("SSL"):
        return None
    certificate, key = in_force.kafka_ssl_certfile, in_force.kafka_ssl_keyfile
    try:
        context = ssl.create_default_context(cafile=in_force.kafka_ssl_cafile)
    except OSError as error:
        raise SettingsError(f"GAPWATCH_KAFKA_SSL_CAFILE: cannot use {in_force.kafka_ssl_cafile}: {error}") from error
    try:
        if certificate:
            context.load_cert_chain(certificate, key)
    except OSError as error:
        raise SettingsError(
            f"GAPWATCH_KAFKA_SSL_CERTFILE, GAPWATCH_KAFKA_SSL_KEYFILE: cannot use {certificate} with {key}: {error}"
        ) from error
    return context


def masked(url: str) -> str:
    """A URL fit for a log or a screen: the password is replaced by ***."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))
