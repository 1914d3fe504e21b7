"""Metrics and health of the workers of one supervisor, over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.hosting import web
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker import metrics
from gapwatch.pipeline.worker.supervisor import Supervisor

log = logger("gapwatch.supervisor")

_METRICS_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@contextmanager
def served(supervisor: Supervisor, directory: str, host: str, port: int) -> Iterator[str]:
    """Serve in a thread meanwhile, at the address that this yields; the workers write their metrics to `directory`.

    Raises SettingsError when the address cannot be had.
    """
    try:
        listener = web.listen(host, port)
    except OSError as error:
        raise SettingsError(
            "cannot serve metrics on {host}:{port}: {problem}; choose another GAPWATCH_METRICS_PORT, or 0 for a "
            "free one",
            host=host,
            port=port,
            problem=error.strerror,
        ) from None
    server = web.server(application(supervisor, directory))
    serving = threading.Thread(target=server.run, args=([listener],), name="monitoring", daemon=True)
    with listener:
        serving.start()
        log.info("serving metrics and health", url=web.address(listener))
        try:
            yield web.address(listener)
        finally:
            server.should_exit = True
            serving.join()


def application(supervisor: Supervisor, directory: str) -> Starlette:
    """`/metrics` for Prometheus, `/health` and `/health/ready` for who sends work, `/health/live` for who restarts."""

    def all_metrics(_: Request) -> Response:
        return Response(metrics.over_processes(directory), media_type=_METRICS_FORMAT)

    async def ready(_: Request) -> Response:
        return _health(supervisor, good=supervisor.live and supervisor.ready)

    async def live(_: Request) -> Response:
        return _health(supervisor, good=supervisor.live)

    async def unknown(_: Request, __: Exception) -> Response:
        return PlainTextResponse("/metrics /health /health/live /health/ready\n", HTTPStatus.NOT_FOUND)

    return Starlette(
        routes=[
            Route("/metrics", all_metrics),
            Route("/health", ready),
            Route("/health/ready", ready),
            Route("/health/live", live),
        ],
        exception_handlers={HTTPStatus.NOT_FOUND: unknown},
    )


def _health(supervisor: Supervisor, *, good: bool) -> Response:
    workers: list[dict[str, Any]] = [
        {
            "worker": slot.number,
            "alive": slot.alive,
            "ready": slot.heartbeat.ready,
            "waiting": slot.heartbeat.waiting,
            "restarts": slot.restarts,
            "last_exit_code": slot.exit_code,
        }
        for slot in supervisor.slots
    ]
    health = {"live": supervisor.live, "ready": supervisor.ready, "workers": workers}
    return JSONResponse(health, HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)
