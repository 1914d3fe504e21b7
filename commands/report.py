"""`gapwatch report`."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from gapwatch.commands.language import say
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import ClickHouse

_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])


@click.command(epilog="Example: gapwatch report --from 2026-03-02 --to 2026-03-09 -o week.html")
@click.option("--from", "start", type=_TIME, help="First day or time. Unless given: seven days before the end.")
@click.option("--to", "end", type=_TIME, help="Day or time before which to end. Unless given: now.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="FILE.html, or FILE.pdf where Chromium is installed.",
)
@click.option("--locale", type=click.Choice(["zh", "en"]), help="Unless given: GAPWATCH_LOCALE.")
def report(start: datetime | None, end: datetime | None, output: Path, locale: str | None) -> None:
    """Write one week for a meeting: what changed, where, signals, response times, voices, measures."""
    if output.suffix not in {".html", ".pdf"}:
        raise click.BadParameter(say("must end in .html or .pdf"), param_hint="--output")
    from gapwatch.dashboards.report import Period  # noqa: PLC0415 - extra `board`
    from gapwatch.dashboards.report import report as written  # noqa: PLC0415

    zone = ZoneInfo(settings().time_zone)
    last = end.replace(tzinfo=zone) if end else datetime.now(zone)
    first = start.replace(tzinfo=zone) if start else last - timedelta(days=7)
    if first >= last:
        raise click.BadParameter(say("must be before --to"), param_hint="--from")
    chosen = locale or settings().locale
    page = written(ClickHouse(endpoints().clickhouse), Period(first, last), "en" if chosen == "en" else "zh")
    try:
        _write(page, output)
    except OSError as error:
        raise GapwatchError("cannot write {output}: {problem}", output=output, problem=error.strerror) from None
    click.echo(
        say(
            "{file}: {start} to {end}",
            file=output,
            start=f"{first:%Y-%m-%d %H:%M}",
            end=f"{last:%Y-%m-%d %H:%M}",
        )
    )


def _write(page: str, output: Path) -> None:
    if output.suffix == ".html":
        output.write_text(page, encoding="utf-8")
        return
    from gapwatch.dashboards.browser import chromium, open_and  # noqa: PLC0415

    if chromium() is None:
        raise GapwatchError(
            "a PDF needs Chromium, and there is none; write FILE.html and print it, or install chromium"
        )
    output.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "report.html"
        source.write_text(page, encoding="utf-8")
        open_and(f"--print-to-pdf={output.absolute()}", source.as_uri())
    if not output.is_file():
        raise GapwatchError("Chromium did not write {output}", output=output)
