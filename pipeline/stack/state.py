"""What a data directory remembers of its stack: ports, passwords, the shape of the Kafka cluster."""

import base64
import random
import secrets
import socket
import uuid
from pathlib import Path

import msgspec
import psutil

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.hosting import state_files
from gapwatch.pipeline.stack.kafka import HOST, Node
from gapwatch.pipeline.words.catalogue import message

# Below the range from which systems take the ports of outgoing connections, so that a remembered port stays free.
_PORTS = range(20_000, 32_000)


class State(msgspec.Struct):
    """Kept in `stack.json`, readable by its owner only."""

    cluster_id: str
    nodes: list[Node]
    tcp_port: int
    http_port: int
    password: str
    reader_password: str


def load(file: Path) -> State | None:
    """The state of a directory, None where no stack has been. Raises StackError when the file is damaged."""
    return state_files.load(file, State, message("restore it, or remove {folder} to start anew", folder=file.parent))


def create(brokers: int) -> State:
    """A new cluster id, new ports, new passwords."""
    ports = iter(free_ports(2 * brokers + 2))
    return State(
        cluster_id=_cluster_id(),
        nodes=[Node(number, next(ports), next(ports)) for number in range(1, brokers + 1)],
        tcp_port=next(ports),
        http_port=next(ports),
        password=secrets.token_hex(16),
        reader_password=secrets.token_hex(16),
    )


def _cluster_id() -> str:
    """As Kafka writes a UUID; like Kafka itself, none that a command line would take for an option."""
    written = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return _cluster_id() if written.startswith("-") else written


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens now. Raises StackError when there are too few."""
    candidates = random.sample(_PORTS, len(_PORTS))
    found = [port for _, port in zip(range(count), filter(is_free, candidates), strict=False)]
    if len(found) < count:
        raise StackError(
            "fewer than {count} free ports between {start} and {stop} on {host}",
            count=count,
            start=_PORTS.start,
            stop=_PORTS.stop,
            host=HOST,
        )
    return found


def is_free(port: int) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Who listens on a port, for a message: "process 123 (nginx)", or what can be said when the system hides it."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.pid and connection.laddr and connection.laddr.port == port:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return "another process"
