"""kafka-python by our settings, and made to go on when a broker takes connections and answers nothing."""

import contextlib
import itertools
import random
from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError
from kafka.net.compat import KafkaNetClient
from kafka.net.connection import KafkaConnection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaTCPTransport

from gapwatch.pipeline.endpoints import kafka_servers
from gapwatch.pipeline.kafka.security import sasl_login, tls_context
from gapwatch.pipeline.settings import settings

# A slow server has longer at each further attempt. `gapwatch status` has time for another one after one that hangs.
_CONNECT_MS = 3_000
_WAITING_DOES_NOT_MEND = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)


def client_options() -> dict[str, Any]:
    """Keyword arguments for any client of kafka-python, SASL and TLS included.

    Raises StackError when there is no Kafka, SettingsError when something that the security protocol needs is missing
    or cannot be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka_servers().split(","),
        "kafka_client": Client,
        "security_protocol": settings().kafka_security_protocol,
    }
    if login := sasl_login():
        options |= {
            "sasl_mechanism": login.mechanism,
            "sasl_plain_username": login.username,
            "sasl_plain_password": login.password.get_secret_value(),
        }
    if context := tls_context():
        options["ssl_context"] = context
    return options


class Client(KafkaNetClient):  # type: ignore[misc]  # the package is not typed
    """To be given to consumers, producers and admin clients as `kafka_client`."""

    def __init__(self, **options: Any) -> None:
        net = NetworkSelector(**options)
        super().__init__(net, _Connections(net, **options | {"socket_connection_setup_timeout_ms": _CONNECT_MS}))


class _Connections(KafkaConnectionManager):  # type: ignore[misc]
    """Asks the bootstrap servers in turn; kafka-python gives all its time to one that it draws at random."""

    def __init__(self, net: NetworkSelector, **options: Any) -> None:
        super().__init__(net, **options)
        servers = self.cluster.bootstrap_brokers()
        in_turn = itertools.cycle(random.sample(servers, len(servers)))
        self.cluster.bootstrap_brokers = lambda: [next(in_turn)]
        self._failure: KafkaError | None = None

    def bootstrap(self, timeout_ms: float | None = None, refresh: bool = True) -> None:
        """Raises KafkaTimeoutError with the last failure, or at once one that waiting does not mend."""
        self._failure = None
        try:
            super().bootstrap(timeout_ms, refresh)
        except KafkaTimeoutError as error:
            if self._failure is None:
                raise
            raise KafkaTimeoutError(f"{error.args[0]}: {self._failure}") from error
        self._net.run(self._connect_to_any)

    def get_connection(self, node_id: Any, timeout_ms: float | None = None, **options: Any) -> KafkaConnection:
        bootstrapping = self.cluster.is_bootstrap(node_id)
        if bootstrapping and isinstance(self._failure, _WAITING_DOES_NOT_MEND):
            raise self._failure
        longest = self.socket_connection_setup_timeout_ms(node_id)
        limit = longest if timeout_ms is None else min(timeout_ms, longest)
        connection = super().get_connection(node_id, limit, **options)
        if bootstrapping:
            connection.init_future.add_errback(self._note)
        return connection

    async def _build_transport(self, *arguments: Any, **options: Any) -> KafkaTCPTransport:
        """One that reads what a broker says before it hangs up, such as why; kafka-python drops it."""
        transport = await super()._build_transport(*arguments, **options)
        receive = transport._sock_recv  # noqa: SLF001 - there is no other way

        def received() -> tuple[bytes, KafkaError | None]:
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = received  # noqa: SLF001
        return transport

    def _note(self, failure: KafkaError) -> None:
        self._failure = failure

    async def _connect_to_any(self) -> None:
        """What any broker can answer is asked of one that is connected."""
        brokers = self.cluster.brokers()
        for broker in random.sample(brokers, len(brokers)):
            with contextlib.suppress(KafkaError):
                await self.get_connection(broker.node_id)
                return
