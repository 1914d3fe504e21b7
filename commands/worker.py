"""`gapwatch worker`: any number of worker processes under one supervisor."""

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import click

from gapwatch.pipeline import logs
from gapwatch.pipeline.endpoints import endpoints, kafka_sasl, kafka_tls
from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.settings import Settings, settings

if TYPE_CHECKING:
    from gapwatch.pipeline.worker.supervisor import Supervisor

log = logs.logger("gapwatch.supervisor")


@click.command(epilog="Example: gapwatch worker --processes 2")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="One for each core to use.")
def worker(processes: int) -> None:
    """Read events from Kafka, store them in ClickHouse, keep the aggregates, until stopped.

    Serves /metrics (Prometheus) and /health, /health/live, /health/ready on GAPWATCH_METRICS_HOST and _PORT.
    """
    in_force = settings()
    endpoints()
    kafka_sasl()
    kafka_tls()
    logs.configure(in_force)
    with tempfile.TemporaryDirectory(prefix="gapwatch-metrics-") as directory:
        # Before the first metric is made: prometheus_client decides then whether processes share it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        from gapwatch.pipeline.worker.supervisor import Supervisor  # noqa: PLC0415

        supervisor = Supervisor(processes)
        with _served(supervisor, in_force, directory):
            supervisor.run()


@contextmanager
def _served(supervisor: "Supervisor", in_force: Settings, directory: str) -> Iterator[None]:
    try:
        server = ThreadingHTTPServer((in_force.metrics_host, in_force.metrics_port), _handler(supervisor, directory))
    except OSError as error:
        raise SettingsError(
            f"cannot serve metrics on {in_force.metrics_host}:{in_force.metrics_port}: {error.strerror}; "
            "choose another GAPWATCH_METRICS_PORT, or 0 for a free one"
        ) from None
    server.daemon_threads = True
    host, port = server.server_address[:2]
    log.info("serving metrics and health", url=f"http://{host!s}:{port}")
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(supervisor: "Supervisor", directory: str) -> type[BaseHTTPRequestHandler]:
    from gapwatch.pipeline.worker import metrics  # noqa: PLC0415 - see above

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(
                    HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", metrics.over_processes(directory)
                )
            elif self.path in ("/health", "/health/ready"):
                self._answer_health(supervisor.live and supervisor.ready)
            elif self.path == "/health/live":
                self._answer_health(supervisor.live)
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics /health /health/live /health/ready\n")

        def _answer_health(self, good: bool) -> None:
            body = json.dumps(_health(supervisor)).encode()
            self._answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", body)

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Requests are not worth a line."""

    return Handler


def _health(supervisor: "Supervisor") -> dict[str, Any]:
    workers = [
        {"worker": slot.number, "alive": slot.alive, "ready": slot.heartbeat.ready, "waiting": slot.heartbeat.waiting}
        for slot in supervisor.slots
    ]
    return {"live": supervisor.live, "ready": supervisor.ready, "workers": workers}
