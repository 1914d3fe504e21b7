"""`gapwatch board`."""

import ipaddress
import secrets

import click

from gapwatch.commands.language import say
from gapwatch.commands.stopping import until_end_of
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.hosting.processes import end_with
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import ClickHouse


@click.command(epilog="Example: gapwatch board --port 8080")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address than loopback asks for a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8600, show_default=True, help="0: any free one.")
@click.option("--locale", type=click.Choice(["zh", "en"]), help="Unless given: GAPWATCH_LOCALE.")
@until_end_of
def board(host: str, port: int, locale: str | None, owner: int | None) -> None:
    """Serve the live board: the dashboards as a local page, until stopped with Ctrl-C."""
    from gapwatch.dashboards.board.queries import Board  # noqa: PLC0415 - extra `board`
    from gapwatch.dashboards.board.server import application, serve  # noqa: PLC0415

    if owner is not None:
        end_with(owner)
    token = None if _is_loopback(host) else secrets.token_urlsafe(24)
    shown = Board(ClickHouse(endpoints().clickhouse), "en" if (locale or settings().locale) == "en" else "zh")
    hosts = ["127.0.0.1", "localhost", "[::1]"] if token is None else ["*"]
    serve(application(shown, hosts=hosts, token=token), host, port, token, _tell)


def _tell(address: str) -> None:
    click.echo(say("the board is at {address}", address=address))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
