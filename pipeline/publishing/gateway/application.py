"""The gateway over HTTP: routes, who may use them, and what every answer has."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from gapwatch.pipeline.hosting import web
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.publishing.gateway import metrics as exported
from gapwatch.pipeline.publishing.gateway.batches import JSON, events_of, media_of
from gapwatch.pipeline.publishing.gateway.bodies import Body
from gapwatch.pipeline.publishing.gateway.intake import Intake
from gapwatch.pipeline.publishing.gateway.keys import Key, KeyRing
from gapwatch.pipeline.publishing.gateway.limits import Limited, RateLimits, Room
from gapwatch.pipeline.publishing.gateway.metrics import Metrics
from gapwatch.pipeline.publishing.gateway.openapi import document
from gapwatch.pipeline.publishing.gateway.refusal import Refusal
from gapwatch.pipeline.publishing.gateway.webhooks import Webhook
from gapwatch.schemas.events import EVENT_TYPES, EventType

log = logger("gapwatch.gateway")

_HEADERS = web.HEADERS | {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
_MAX_HEAD_BYTES = 16 * 1024

Handler = Callable[[Request, Body], Awaitable[Response]]


@dataclass(frozen=True)
class Gateway:
    """What the routes need. `ready` tells whether Kafka takes records."""

    keys: KeyRing
    limits: RateLimits
    room: Room
    intake: Intake
    metrics: Metrics
    ready: Callable[[], Awaitable[bool]]
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)

    async def publish(self, request: Request, body: Body) -> Response:
        """POST /v1/events/{type}."""
        event_type = _type_of(request)
        key = self._key_of(request)
        request.state.key = key.name
        if event_type not in key.types:
            detail = f"this key may not publish {event_type}; it may publish {', '.join(key.types)}"
            raise Refusal(HTTPStatus.FORBIDDEN, "type_not_allowed", detail)
        self._check_rate(key)
        media = media_of(request.headers.get("content-type"))
        with self.room.share() as share:
            content = await body.read(share)
            events = events_of(content, media)
            self.limits.charge(key, len(events), len(content))
            return await self.intake.take(event_type, events, frozenset(key.channels))

    async def receive(self, request: Request, body: Body) -> Response:
        """POST /v1/webhooks/{name}."""
        webhook = self.webhooks.get(request.path_params["name"])
        if webhook is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "unknown_webhook", "no webhook of this name is configured")
        self._check_rate(webhook)
        if media_of(request.headers.get("content-type")) != JSON:
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unknown_content_type", f"Content-Type must be {JSON}")
        with self.room.share() as share:
            content = await body.read(share)
            try:
                webhook.verify(request.headers, content)
            except Refusal as refusal:
                self.metrics.signatures.labels(webhook.id).inc()
                log.warning("a webhook was refused", webhook=webhook.id, problem=refusal.detail)
                raise
            events, passed_over = await asyncio.to_thread(webhook.events, content)
            self.limits.charge(webhook, len(events), len(content))
            return await self.intake.take(webhook.profile.type, events, passed_over=passed_over)

    def _key_of(self, request: Request) -> Key:
        """Raises Refusal 401."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise _unknown("this needs an API key: Authorization: Bearer KEY")
        key = self.keys.find(given.strip())
        if key is None:
            raise _unknown("this API key is not known, or has ended")
        return key

    def _check_rate(self, key: Limited) -> None:
        try:
            self.limits.check(key)
        except Refusal:
            self.metrics.limited.inc()
            raise


def application(gateway: Gateway) -> Starlette:
    """The gateway as an ASGI application."""

    async def live(_: Request, __: Body) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request, __: Body) -> Response:
        good = await gateway.ready()
        return JSONResponse({"ready": good}, HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)

    async def openapi(_: Request, __: Body) -> Response:
        return JSONResponse(document())

    async def metrics(_: Request, __: Body) -> Response:
        return Response(gateway.metrics.text(), media_type=exported.FORMAT)

    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        return Route(path, _answered(handler, path, gateway.metrics), methods=[method])

    return Starlette(
        routes=[
            route("/v1/events/{type}", gateway.publish, "POST"),
            route("/v1/webhooks/{name}", gateway.receive, "POST"),
            route("/v1/openapi.json", openapi),
            route("/health/live", live),
            route("/health/ready", ready),
            route("/metrics", metrics),
        ],
        exception_handlers={HTTPException: _no_route},
        middleware=[Middleware(_WithHeaders)],
    )


class _WithHeaders:
    """Puts on every answer what browsers are to be told."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(told: ASGIMessage) -> None:
            if told["type"] == "http.response.start":
                MutableHeaders(scope=told).update(_HEADERS)
            await send(told)

        await self._app(scope, receive, send_with_headers)


def _answered(handler: Handler, path: str, metrics: Metrics) -> Callable[[Request], Awaitable[Response]]:
    """The handler with refusals as answers, headers, metrics and a line in the log: no address, key, query or body."""

    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        body = Body(request)
        try:
            _check_head(request)
            response = await handler(request, body)
        except Refusal as refusal:
            response = await _refused(refusal, body)
        except ClientDisconnect:
            response = _error(HTTPStatus.BAD_REQUEST, "disconnected", "the sender went away")
        except Exception:
            log.exception("a request failed", route=path)
            response = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", "the gateway failed; its log says why")
        seconds = time.perf_counter() - began
        metrics.requests.labels(path, str(response.status_code)).inc()
        metrics.seconds.labels(path).observe(seconds)
        told = {"status": int(response.status_code), "key": getattr(request.state, "key", None)}
        log.info("answered", route=path, milliseconds=round(seconds * 1_000, 1), **told)
        return response

    return answer


def _check_head(request: Request) -> None:
    """Raises Refusal 431. The server itself refuses only a head that it cannot read at once."""
    if sum(len(name) + len(value) for name, value in request.headers.raw) > _MAX_HEAD_BYTES:
        detail = f"the headers have more than {_MAX_HEAD_BYTES:,} bytes"
        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail)


async def _refused(refusal: Refusal, body: Body) -> Response:
    """The answer; the connection stays open when the request was read to its end."""
    response = _error(refusal.status, refusal.error, refusal.detail)
    response.headers.update(refusal.headers)
    if refusal.status is HTTPStatus.REQUEST_TIMEOUT or not await body.drain():
        response.headers["Connection"] = "close"
    return response


async def _no_route(request: Request, error: Exception) -> Response:
    """What Starlette refuses itself: no such path, or another method."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND)
    word = "unknown_path" if status is HTTPStatus.NOT_FOUND else "unknown_method"
    response = _error(status, word, "see /v1/openapi.json")
    response.headers.update((error.headers or {}) if isinstance(error, HTTPException) else {})
    if not await Body(request).drain():
        response.headers["Connection"] = "close"
    return response


def _error(status: HTTPStatus, error: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": error, "detail": detail}, status)


def _unknown(detail: str) -> Refusal:
    headers = {"WWW-Authenticate": 'Bearer realm="gapwatch"'}
    return Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=headers)


def _type_of(request: Request) -> EventType:
    name = request.path_params["type"]
    for event_type in EVENT_TYPES:
        if event_type == name:
            return event_type
    raise Refusal(HTTPStatus.NOT_FOUND, "unknown_type", f"the event types are {', '.join(EVENT_TYPES)}")
