"""`gapwatch report`."""

import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from pipeline.endpoints import endpoints
from pipeline.errors import GapwatchError
from pipeline.settings import settings
from pipeline.store import ClickHouse

_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PRINT_SECONDS = 120


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
        raise click.BadParameter("must end in .html or .pdf", param_hint="--output")
    try:
        from dashboards.report import Period  # noqa: PLC0415 - extra `board`
        from dashboards.report import report as written  # noqa: PLC0415
    except ImportError as error:
        raise GapwatchError(f"the report needs {error.name}: pip install 'gapwatch[board]'") from None
    zone = ZoneInfo(settings().time_zone)
    last = end.replace(tzinfo=zone) if end else datetime.now(zone)
    first = start.replace(tzinfo=zone) if start else last - timedelta(days=7)
    if first >= last:
        raise click.BadParameter("must be before --to", param_hint="--from")
    chosen = locale or settings().locale
    page = written(ClickHouse(endpoints().clickhouse), Period(first, last), "en" if chosen == "en" else "zh")
    try:
        _write(page, output)
    except OSError as error:
        raise GapwatchError(f"cannot write {output}: {error.strerror}") from None
    click.echo(f"{output}: {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}")


def _write(page: str, output: Path) -> None:
    if output.suffix == ".html":
        output.write_text(page, encoding="utf-8")
        return
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise GapwatchError(
            "a PDF needs Chromium, and there is none; write FILE.html and print it, or install chromium"
        )
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "report.html"
        source.write_text(page, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={directory}/profile"]
        command += ["--no-pdf-header-footer", "--virtual-time-budget=10000", f"--print-to-pdf={output.absolute()}"]
        done = subprocess.run(
            [*command, source.as_uri()], check=False, capture_output=True, text=True, timeout=_PRINT_SECONDS
        )
    if done.returncode != 0 or not output.is_file():
        raise GapwatchError(f"{browser} did not print the report: {done.stderr.strip()[-300:]}")
