"""`gapwatch worker`: any number of worker processes under one supervisor."""

import os
import tempfile

import click

from gapwatch.commands.stopping import until_end_of
from gapwatch.pipeline import logs
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.hosting.processes import end_with
from gapwatch.pipeline.kafka.security import sasl_login, tls_context
from gapwatch.pipeline.settings import settings


@click.command(epilog="Example: gapwatch worker --processes 2")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="One for each core to use.")
@until_end_of
def worker(processes: int, owner: int | None) -> None:
    """Read events from Kafka, store them in ClickHouse, keep the aggregates, until stopped.

    Serves /metrics (Prometheus) and /health, /health/live, /health/ready on GAPWATCH_METRICS_HOST and _PORT.
    """
    in_force = settings()
    endpoints()
    sasl_login()
    tls_context()
    logs.configure(in_force)
    if owner is not None:
        end_with(owner)
    with tempfile.TemporaryDirectory(prefix="gapwatch-metrics-") as directory:
        # Before the first metric is made: prometheus_client decides then whether processes share it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        from gapwatch.pipeline.worker.monitoring import served  # noqa: PLC0415
        from gapwatch.pipeline.worker.supervisor import Supervisor  # noqa: PLC0415

        supervisor = Supervisor(processes)
        with served(supervisor, directory, in_force.metrics_host, in_force.metrics_port):
            supervisor.run()
