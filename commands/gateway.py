"""`gapwatch gateway`."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import click

from gapwatch.commands.language import say
from gapwatch.commands.stopping import stopped_by_signals
from gapwatch.schemas.events import EVENT_TYPES, Channel

_ALL = "all"


@click.group(invoke_without_command=True, epilog="Example: gapwatch gateway --port 8610")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: every address of this machine.")
@click.option("--port", type=click.IntRange(0, 65535), default=8610, show_default=True, help="0: any free one.")
@click.pass_context
def gateway(context: click.Context, host: str, port: int) -> None:
    """Take events over HTTP and publish them to Kafka, until stopped with Ctrl-C."""
    if context.invoked_subcommand:
        return
    from gapwatch.pipeline.logs import configure  # noqa: PLC0415 - only when it serves
    from gapwatch.pipeline.publishing.gateway.serving import serve  # noqa: PLC0415 - extra `gateway`
    from gapwatch.pipeline.settings import settings  # noqa: PLC0415

    configure(settings())
    stopped_by_signals()  # the server ends by them too, and sends them on when it has ended
    serve(host, port, _tell)


def _tell(address: str, keys: int) -> None:
    click.echo(say("the gateway is at {address}", address=address))
    if not keys:
        click.echo(say("nobody has a key yet; make one with: gapwatch gateway keys new"), err=True)


@gateway.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys. A gateway that runs heeds the change at once."""


def _listed(_: click.Context, parameter: click.Parameter, given: str) -> tuple[str, ...]:
    known = tuple(EVENT_TYPES) if parameter.name == "types" else get_args(Channel)
    named = known if given == _ALL else tuple(filter(None, (part.strip() for part in given.split(","))))
    wrong = [name for name in named if name not in known]
    if wrong or not named:
        raise click.BadParameter(
            say("{wrong} is none of {known}", wrong=", ".join(wrong) or "—", known=", ".join((_ALL, *known)))
        )
    return named


_NAME = click.option("--name", required=True, help="Whose key it is; shown in the log.")


@keys.command(epilog="Example: gapwatch gateway keys new --name shop --types feedback,complaint --channels app")
@_NAME
@click.option("--types", required=True, callback=_listed, help="Event types that it may publish: a,b or all.")
@click.option("--channels", required=True, callback=_listed, help="Channels that it may publish: a,b or all.")
@click.option("--events-per-second", type=click.FloatRange(0, min_open=True), help="A limit of its own.")
@click.option("--bytes-per-second", type=click.FloatRange(0, min_open=True), help="A limit of its own.")
def new(**rights: Any) -> None:
    """Make a key and print it, once: only a hash of it is kept."""
    click.echo(_file().new(**rights))


@keys.command()
@_NAME
@click.option("--overlap-hours", default=24.0, show_default=True, help="So long the old key stays valid.")
def rotate(name: str, overlap_hours: float) -> None:
    """Make a new key with the same rights and print it, once."""
    click.echo(_file().rotate(name, timedelta(hours=overlap_hours)))


@keys.command()
@_NAME
def revoke(name: str) -> None:
    """End a key, at once."""
    _file().revoke(name)
    click.echo(say("{name} has no valid key", name=name))


@keys.command("list")
def list_() -> None:
    """List the keys with what they may publish."""
    now = datetime.now(UTC)
    for key in _file().read():
        until = say("valid") if key.expires is None else say("until {time}", time=f"{key.expires:%Y-%m-%d %H:%M} UTC")
        state = until if key.valid(now) else say("not valid")
        click.echo("  ".join((key.id, key.name, ",".join(key.types), ",".join(key.channels), state)))


def _file() -> Any:
    from gapwatch.pipeline.publishing.gateway.keys import KeyFile, keys_file  # noqa: PLC0415 - only when asked for

    return KeyFile(keys_file())
