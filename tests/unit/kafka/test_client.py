"""kafka-python's client when nobody answers."""

import contextlib
import socket

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError

from gapwatch.pipeline.kafka import client
from gapwatch.pipeline.kafka.client import client_options


@pytest.mark.parametrize("kind", [KafkaAdminClient, KafkaConsumer, KafkaProducer])
def test_every_server_is_asked_though_one_takes_connections_and_is_silent(
    settings_env: pytest.MonkeyPatch, kind: type
) -> None:
    settings_env.setattr(client, "_CONNECT_MS", 100)
    with contextlib.ExitStack() as listening:
        servers = [listening.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        settings_env.setenv("GAPWATCH_KAFKA", ",".join(f"127.0.0.1:{server.getsockname()[1]}" for server in servers))
        with pytest.raises(KafkaTimeoutError, match=r"Unable to bootstrap from .*: .*timed out"):
            kind(**client_options(), bootstrap_timeout_ms=2_000)
        for server in servers:
            server.settimeout(0)
            server.accept()[0].close()  # raises where nobody has connected
