"""The live board: a local page drawn from the same dashboards as Grafana's, with nothing fetched from elsewhere."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from msgspec.json import encode
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gapwatch.dashboards.board.queries import Board, RequestError
from gapwatch.dashboards.board.texts import texts
from gapwatch.pipeline.errors import GapwatchError, StoreError
from gapwatch.pipeline.hosting import web
from gapwatch.pipeline.words.catalogue import Speaker

_COOKIE = "gapwatch-board"
# Everything comes from this server; Plotly sets styles on the elements it makes.
_HEADERS = web.HEADERS | {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}

Handler = Callable[[Request], Awaitable[Response]]


def application(board: Board, *, hosts: Sequence[str], token: str | None) -> Starlette:
    """The board as an ASGI application.

    `hosts` are the names it may be asked by, so that no foreign page can reach it through a name of its own. With a
    `token` every request needs it: as `?token=` once, as a cookie from then on.
    """
    pages = Environment(
        loader=PackageLoader("gapwatch.dashboards.board"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    say = Speaker(board.locale)

    async def start(_: Request) -> Response:
        return RedirectResponse(f"/d/{next(iter(board.pages))}")

    async def page(request: Request) -> Response:
        shown = board.page(request.path_params["uid"])
        html = pages.get_template("board.html").render(
            page=shown, pages=board.pages.values(), words=texts(say), locale=board.locale
        )
        return HTMLResponse(html)

    async def panel(request: Request) -> Response:
        uid, number = request.path_params["uid"], request.path_params["number"]
        view = board.view(uid, _asked(request.query_params))
        return _json(await run_in_threadpool(board.panel, uid, number, view))

    async def annotations(request: Request) -> Response:
        uid = request.path_params["uid"]
        return _json(await run_in_threadpool(board.annotations, uid, board.view(uid, _asked(request.query_params))))

    async def options(request: Request) -> Response:
        return _json(await run_in_threadpool(board.options, request.path_params["uid"]))

    async def plotly(_: Request) -> Response:
        return FileResponse(str(files("plotly") / "package_data" / "plotly.min.js"), media_type="text/javascript")

    def route(path: str, handler: Handler) -> Route:
        return Route(path, _guarded(handler, token, say))

    return Starlette(
        routes=[
            route("/", start),
            route("/d/{uid}", page),
            route("/api/{uid}/panels/{number:int}", panel),
            route("/api/{uid}/annotations", annotations),
            route("/api/{uid}/options", options),
            route("/plotly.js", plotly),
            Mount("/static", StaticFiles(packages=[("gapwatch.dashboards.board", "static")])),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)), Middleware(GZipMiddleware)],
    )


def _guarded(handler: Handler, token: str | None, say: Speaker) -> Handler:
    async def answer(request: Request) -> Response:
        if token is not None and not _knows(request, token):
            return Response(say("this board needs its token: open the address that `gapwatch board` printed"), 403)
        try:
            response = await handler(request)
        except RequestError as error:
            response = Response(say.again(error.message), 404)
        except StoreError as error:
            response = Response(say.again(error.message), 502)
        except GapwatchError as error:
            response = Response(say.again(error.message), 500)
        response.headers.update(_HEADERS)
        if token is not None:
            response.set_cookie(_COOKIE, token, httponly=True, samesite="strict")
        return response

    return answer


def _knows(request: Request, token: str) -> bool:
    given = request.query_params.get("token") or request.cookies.get(_COOKIE) or ""
    return secrets.compare_digest(given.encode(), token.encode())


def _asked(query: QueryParams) -> Mapping[str, Sequence[str]]:
    return {name: query.getlist(name) for name in query}


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")


def serve(app: Starlette, host: str, port: int, token: str | None, serving: Callable[[str], object]) -> None:
    """Serve until a signal; `serving` hears the address once it listens. Raises GapwatchError when the port is taken."""
    with web.listen_or_tell(host, port) as listener:
        query = f"/?token={token}" if token else "/"
        serving(f"{web.address(listener)}{query}")
        web.server(app).run(sockets=[listener])
