"""The security protocols of Kafka: what the settings say reaches both clients, whole, and is shown nowhere."""

import logging
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.net.sasl import get_sasl_mechanism
from kafka.net.transport import KafkaSSLTransport

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.security import sasl_login, tls_context
from gapwatch.pipeline.settings import settings

USER, PASSWORD = "reader", "hunter2"
PLAIN_TEXT, TLS = ("PLAINTEXT", None), ("SSL", None)
OVER_PLAIN_TEXT, OVER_TLS = (
    [(protocol, mechanism) for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")]
    for protocol in ("SASL_PLAINTEXT", "SASL_SSL")
)
EACH = pytest.mark.parametrize(("protocol", "mechanism"), [PLAIN_TEXT, TLS, *OVER_PLAIN_TEXT, *OVER_TLS])
WITH_PASSWORD = pytest.mark.parametrize(("protocol", "mechanism"), [*OVER_PLAIN_TEXT, *OVER_TLS])
WITH_TLS = pytest.mark.parametrize(("protocol", "mechanism"), [TLS, *OVER_TLS])


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The file of one real authority."""
    bundle = Path(certifi.where()).read_text(encoding="utf-8")
    file = tmp_path / "ca.crt"
    file.write_text(re.search(r"-----BEGIN.*?END CERTIFICATE-----\n", bundle, re.DOTALL)[0])
    return file


@pytest.fixture
def in_force(settings_env: pytest.MonkeyPatch, protocol: str, mechanism: str | None, authority: Path) -> None:
    """Everything is set, also what the protocol does not use."""
    for name, value in {
        "KAFKA": "127.0.0.1:1",
        "CLICKHOUSE": "clickhouse://me:secret@127.0.0.1:1/db",
        "KAFKA_SECURITY_PROTOCOL": protocol,
        "KAFKA_SASL_MECHANISM": mechanism or "PLAIN",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": PASSWORD,
        "KAFKA_SSL_CAFILE": str(authority),
    }.items():
        settings_env.setenv(f"GAPWATCH_{name}", value)


@pytest.fixture
def app(in_force: None) -> Any:
    """The workers' Faust app under these settings."""
    from gapwatch.agents.app import _make_app

    return _make_app(settings())


def consumer_of(app: Any) -> AIOKafkaConsumer:
    return app._new_consumer()._new_consumer_thread()._create_worker_consumer(app.transport)


def producer_of(app: Any) -> AIOKafkaProducer:
    return app._new_producer()._new_producer()


def assert_trusts_the_authority_alone(context: ssl.SSLContext) -> None:
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@EACH
@pytest.mark.parametrize("made_of", [consumer_of, producer_of])
async def test_the_worker_reaches_kafka_as_the_settings_say(app, made_of, protocol, mechanism):
    made = made_of(app)
    client = made.client if isinstance(made, AIOKafkaProducer) else made._client
    assert client._security_protocol == protocol
    if mechanism:
        assert client._sasl_mechanism == mechanism
        assert (client._sasl_plain_username, client._sasl_plain_password) == (USER, PASSWORD)
    else:
        assert client._sasl_plain_password is None
    if protocol.endswith("SSL"):
        assert_trusts_the_authority_alone(client._ssl_context)
    else:
        assert client._ssl_context is None
    await made.stop()


@pytest.fixture
def clients(in_force: None) -> Iterator[list[KafkaConsumer | KafkaProducer]]:
    """Those of kafka-python that can be made without a connection, which a version given does."""
    made = [kind(**client_options(), api_version=(3, 0)) for kind in (KafkaConsumer, KafkaProducer)]
    yield made
    for client in made:
        client.close()


@EACH
def test_every_other_client_reaches_it_likewise(clients, protocol, mechanism):
    assert client_options().keys() <= KafkaAdminClient.DEFAULT_CONFIG.keys()
    for client in clients:
        passed = client.config
        assert passed["security_protocol"] == protocol
        assert passed["sasl_mechanism"] == mechanism
        if mechanism:
            sasl = get_sasl_mechanism(mechanism)(host="127.0.0.1", **passed)
            assert sasl.username == USER
            assert passed["sasl_plain_password"] == PASSWORD
        else:
            assert passed["sasl_plain_password"] is None
        if protocol.endswith("SSL"):
            assert_trusts_the_authority_alone(KafkaSSLTransport._build_ssl_context(passed))
        else:
            assert passed["ssl_context"] is None


@WITH_PASSWORD
async def test_the_password_is_shown_nowhere(request, caplog, in_force):
    caplog.set_level(logging.DEBUG)  # before anything is made
    app, clients = request.getfixturevalue("app"), request.getfixturevalue("clients")
    shown = CliRunner().invoke(gapwatch, ["config"])
    assert f'kafka_sasl_username = "{USER}"' in shown.output
    workers = [consumer_of(app), producer_of(app)]
    made = [settings(), sasl_login(), app, app.conf.broker_credentials, *workers, *clients]
    texts = [shown.output, caplog.text, *map(repr, made), *map(str, made)]
    assert "kafka" in caplog.text
    assert not [text for text in texts if PASSWORD in text]
    for client in workers:
        await client.stop()


ASK_IN_VAIN = """
from kafka import KafkaAdminClient
from pipeline import logs
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.settings import settings
logs.configure(settings())
KafkaAdminClient(**client_options(), bootstrap_timeout_ms=100)
"""


@pytest.mark.parametrize(("protocol", "mechanism"), [OVER_TLS[0]])
@pytest.mark.parametrize("level", ["debug", "info"])
def test_no_log_level_shows_the_password(in_force, settings_env, level):
    settings_env.setenv("GAPWATCH_LOG_LEVEL", level)
    ended = subprocess.run([sys.executable, "-c", ASK_IN_VAIN], env=os.environ, capture_output=True, text=True)
    assert "Bootstrap connection to bootstrap-0 failed" in ended.stderr  # what the client logs is shown
    assert PASSWORD not in ended.stderr


@pytest.mark.parametrize(("protocol", "mechanism"), [PLAIN_TEXT, *OVER_PLAIN_TEXT])
def test_without_tls_no_file_is_read(in_force, authority):
    authority.unlink()
    assert tls_context() is None


@WITH_TLS
@pytest.mark.parametrize("made_of", ["nothing", "a folder", "no certificate"])
def test_an_authority_that_cannot_be_used_is_told(in_force, authority, made_of):
    authority.unlink()
    if made_of == "a folder":
        authority.mkdir()
    elif made_of == "no certificate":
        authority.write_text("certificate")
    with pytest.raises(SettingsError, match=rf"GAPWATCH_KAFKA_SSL_CAFILE: cannot use {authority}"):
        client_options()


@pytest.mark.parametrize(("protocol", "mechanism"), [TLS])
def test_a_certificate_without_its_key_is_told(in_force, settings_env, authority):
    settings_env.setenv("GAPWATCH_KAFKA_SSL_CERTFILE", str(authority))
    with pytest.raises(SettingsError, match=r"GAPWATCH_KAFKA_SSL_CERTFILE, GAPWATCH_KAFKA_SSL_KEYFILE"):
        client_options()


@WITH_PASSWORD
@pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
def test_half_of_the_credentials_is_told(in_force, settings_env, missing):
    settings_env.delenv(f"GAPWATCH_KAFKA_SASL_{missing}")
    with pytest.raises(SettingsError, match=f"GAPWATCH_KAFKA_SASL_{missing}") as told:
        client_options()
    assert PASSWORD not in str(told.value)


@pytest.mark.parametrize(("protocol", "mechanism"), [OVER_TLS[0]])
def test_a_worker_does_not_start_with_what_cannot_work(in_force, authority):
    authority.unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "gapwatch", "worker"], env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("gapwatch: GAPWATCH_KAFKA_SSL_CAFILE: cannot use")
    assert len(ended.stderr.splitlines()) == 1
