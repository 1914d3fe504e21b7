"""One worker process, as `gapwatch worker` starts it: the Faust app with our logs, gone when its supervisor is gone."""

import asyncio
import os
import signal
from typing import Any

import faust

from gapwatch.agents.app import App, app
from gapwatch.pipeline import logs
from gapwatch.pipeline.hosting.processes import end_with
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.worker.gc_tuning import collect_rarely
from gapwatch.pipeline.worker.heartbeat import (
    HEARTBEAT_SECONDS,
    STOP_SECONDS,
    WORKER_VARIABLE,
    Heartbeat,
    SupervisorConnection,
    exit_after,
)

log = logs.logger("gapwatch.worker")


class Worker(faust.Worker):
    """Faust's worker, held to a time limit once it is told to stop, or crashes: a stop after a crash may hang."""

    def __init__(self, app: App, **options: Any) -> None:
        super().__init__(app, override_logging=False, quiet=True, redirect_stdouts=False, **options)
        self.spinner = None

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        if not self._signal_stop_time:
            log.info("stopping", signal=signal.name)
            exit_after(STOP_SECONDS)
        super()._schedule_shutdown(signal)

    def _crash(self, reason: BaseException) -> None:
        if not self.crashed:
            exit_after(STOP_SECONDS)
        super()._crash(reason)


async def beat(supervisor: SupervisorConnection) -> None:
    """Tell the supervisor how it goes, from the event loop, so that a loop that hangs is noticed."""
    was_ready = False
    while True:
        if app.ready and not was_ready:
            log.info("ready", partitions=len(app.consumer.assignment()))
        was_ready = app.ready
        supervisor.send(Heartbeat(app.ready, app.stalls.reason()))
        await asyncio.sleep(HEARTBEAT_SECONDS)


def main() -> None:
    in_force = settings()
    number = os.environ.get(WORKER_VARIABLE)
    logs.configure(in_force, **({"worker": int(number)} if number else {}))
    worker = Worker(app)
    if connection := SupervisorConnection.from_environment():
        end_with(connection.supervisor)
        worker.add_future(beat(connection))
    collect_rarely()
    worker.execute_from_commandline()
