"""A real broker that asks who is there: the clients and a whole worker get through with credentials, no others do."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import UserScramCredentialUpsertion
from kafka.errors import KafkaTimeoutError
from support.recording_worker import Worker, committed, running
from support.waiting import eventually

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.topics import ensure_topics
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.stack import LocalStack, state
from gapwatch.pipeline.stack.kafka import HOST, KafkaBroker
from gapwatch.pipeline.store import ClickHouse

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine to make certificates"),
]

USER, PASSWORD = "reader", "hunter2"
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
PROTOCOLS = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
EACH = pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [("SSL", "PLAIN"), *((protocol, one) for protocol in PROTOCOLS[1:] for one in ("PLAIN", *SCRAM))],
)


class SecuredBroker(KafkaBroker):
    """Beside the open listener one for each other protocol; the one of SSL wants a certificate of the client too."""

    def __init__(self, directory: Path, jar_cache: Path) -> None:
        created = state.create(1)
        super().__init__(directory, created.nodes[0], created.nodes, created.cluster_id, jar_cache)
        self.secured = dict(zip(PROTOCOLS, state.free_ports(len(PROTOCOLS)), strict=True))

    def prepare(self) -> None:
        for owner in ("broker", "client"):
            make_certificate(self.directory, owner)
        both = (self.directory / f"broker.{part}" for part in ("key", "crt"))
        (self.directory / "broker.pem").write_text("".join(file.read_text() for file in both))
        super().prepare()

    def _properties(self) -> str:
        login = "org.apache.kafka.common.security"
        advertised = [f"CLIENT://{self.address}"]
        advertised += [f"{protocol}://{HOST}:{port}" for protocol, port in self.secured.items()]
        properties = {
            "listeners": ",".join([*advertised, f"CONTROLLER://{HOST}:{self.ports[1]}"]),
            "advertised.listeners": ",".join(advertised),
            "listener.security.protocol.map": ",".join(
                ["CLIENT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *(f"{one}:{one}" for one in PROTOCOLS)]
            ),
            "sasl.enabled.mechanisms": ",".join(["PLAIN", *SCRAM]),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": "broker.pem",
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.ssl.ssl.truststore.type": "PEM",
            "listener.name.ssl.ssl.truststore.location": "client.crt",
        }
        for protocol in ("sasl_plaintext", "sasl_ssl"):
            of = f"listener.name.{protocol}"
            plain = f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            properties[f"{of}.plain.sasl.jaas.config"] = plain
            for mechanism in SCRAM:
                properties[f"{of}.{mechanism.lower()}.sasl.jaas.config"] = f"{login}.scram.ScramLoginModule required;"
        # Of a property that stands twice, the last is in force.
        return super()._properties() + "".join(f"{key}={value}\n" for key, value in properties.items())


def make_certificate(directory: Path, owner: str) -> None:
    """`owner`.crt, signed by itself, with `owner`.key."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={owner}", "-addext", f"subjectAltName=IP:{HOST}", "-days", "2"),
            *("-keyout", directory / f"{owner}.key", "-out", directory / f"{owner}.crt"),
        ],
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def broker(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    made = SecuredBroker(tmp_path_factory.mktemp("secured"), stack.data_dir / "jars")
    try:
        made.start()
        admin = KafkaAdminClient(bootstrap_servers=made.address)
        for mechanism in SCRAM:
            refused = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, mechanism, PASSWORD)])
            assert refused == {USER: None}
        admin.close()
        yield made
    finally:
        made.stop()


@pytest.fixture
def secure(
    broker: SecuredBroker, group: str, settings_env: pytest.MonkeyPatch, protocol: str, mechanism: str
) -> Callable[..., None]:
    """`secure(PASSWORD)` puts the broker's listener of this protocol, and what it asks for, into force."""

    def set_up(password: str = PASSWORD, trusted: str = "broker") -> None:
        for name, value in {
            "": f"{HOST}:{broker.secured[protocol]}",
            "_SECURITY_PROTOCOL": protocol,
            "_SASL_MECHANISM": mechanism,
            "_SASL_USERNAME": USER,
            "_SASL_PASSWORD": password,
            "_SSL_CAFILE": str(broker.directory / f"{trusted}.crt"),
            "_SSL_CERTFILE": str(broker.directory / "client.crt"),
            "_SSL_KEYFILE": str(broker.directory / "client.key"),
        }.items():
            settings_env.setenv(f"GAPWATCH_KAFKA{name}", value)
        settings.cache_clear()

    return set_up


@EACH
async def test_what_is_published_is_read_and_committed(
    secure: Callable[..., None], broker: SecuredBroker, group: str
) -> None:
    secure()
    from gapwatch.agents.app import _credentials

    topic = f"test-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(**client_options())
    admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    admin.close()
    producer = KafkaProducer(**client_options())
    for number in range(10):
        producer.send(topic, str(number).encode())
    producer.close()
    worker = Worker(
        f"{HOST}:{broker.secured[settings().kafka_security_protocol]}", topic, group, broker_credentials=_credentials()
    )
    async with running(worker):
        await worker.until(lambda: worker.count == 10)
        await worker.until(worker.committed_all)
    assert committed(broker.address, group) == {0: 10}


@pytest.mark.parametrize(("protocol", "mechanism"), [("SASL_SSL", "PLAIN")])
def test_a_whole_worker_gets_through(secure: Callable[..., None], database: str, tmp_path: Path) -> None:
    secure()
    ensure_topics()
    producer = KafkaProducer(**client_options())
    event = {
        "event_id": "e1",
        "event_time": datetime.now(UTC).isoformat(),
        "channel": "app",
        "customer_id": "c",
        "text": "说好三天到，一个星期还没到",
    }
    producer.send("feedback.events", json.dumps(event).encode())
    producer.close()
    log = tmp_path / "log"
    clickhouse = ClickHouse(database)
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "gapwatch", "worker"],
            env=os.environ | {"GAPWATCH_LOG_LEVEL": "debug"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:

            def derived() -> int:
                assert worker.poll() is None
                return clickhouse.execute("SELECT count() FROM events INNER JOIN gap_minute ON true")[0][0]

            # Stored by way of aiokafka, its minute derived by way of kafka-python and the topic of dirty minutes.
            eventually(derived, told=log.read_text)
        finally:
            worker.terminate()
            worker.wait(60)
    assert "ready" in log.read_text()
    assert PASSWORD not in log.read_text()


def told_while_connecting(caplog: pytest.LogCaptureFixture) -> str:
    """What the log says of a connection that is not made."""
    caplog.set_level("INFO")
    with pytest.raises(KafkaTimeoutError):
        KafkaConsumer(**client_options(), bootstrap_timeout_ms=2_000)
    return caplog.text


@pytest.mark.parametrize(("protocol", "mechanism"), [("SASL_SSL", "PLAIN"), ("SASL_PLAINTEXT", "SCRAM-SHA-512")])
def test_a_wrong_password_is_refused_and_told_without_it(
    secure: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    secure("hunter3")
    with pytest.raises(StackError, match=r"SaslAuthenticationFailedError: .*[Aa]uthentication failed") as told:
        ensure_topics()
    assert caplog.text.count("Bootstrap connection") == 1  # though the broker may hang up with its answer
    assert "hunter3" not in str(told.value) + caplog.text


@pytest.mark.parametrize(("protocol", "mechanism"), [("SSL", "PLAIN"), ("SASL_SSL", "PLAIN")])
def test_a_broker_of_another_authority_is_not_trusted(
    secure: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    secure(trusted="client")
    assert "certificate verify failed" in told_while_connecting(caplog)
