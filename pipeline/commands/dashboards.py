"""`gapwatch dashboards`."""

from pathlib import Path
from types import ModuleType

import click

from pipeline.errors import GapwatchError
from pipeline.settings import settings

_LOCALE = click.option("--locale", type=click.Choice(["zh", "en"]), help="Unless given: GAPWATCH_LOCALE.")


@click.group()
def dashboards() -> None:
    """Grafana's dashboards and alert rules as code: build the files, check them, push them."""


@dashboards.command(epilog="Example: gapwatch dashboards build --locale en --output /etc/grafana/provisioning")
@_LOCALE
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), help="Unless given: dashboards/provisioning."
)
def build(locale: str | None, output: Path | None) -> None:
    """Write the files that Grafana provisions itself from."""
    made = _builder()
    in_force = settings()
    texts = made.files("en" if (locale or in_force.locale) == "en" else "zh", in_force.docs_url, in_force.time_zone)
    folder = output or made.PROVISIONING
    try:
        made.write(folder, texts)
    except OSError as error:
        raise GapwatchError(f"cannot write to {folder}: {error.strerror}; name another with --output") from None
    click.echo(f"{len(texts)} files in {folder}")


@dashboards.command(epilog="Example: gapwatch dashboards check dashboards/provisioning")
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
def check(folder: Path | None) -> None:
    """Say what Grafana would refuse or misread in the files of FOLDER, dashboards/provisioning unless given."""
    builder = _builder()
    from dashboards.checks import problems  # noqa: PLC0415

    folder = folder or builder.PROVISIONING
    texts = builder.read(folder)
    found = problems(texts)
    for problem in found:
        click.echo(problem)
    if found or not texts:
        raise GapwatchError(f"{len(found)} problems in {folder}" if texts else f"{folder} holds no files of Grafana")
    click.echo(f"{len(texts)} files in {folder}: nothing that Grafana would refuse")


def _builder() -> ModuleType:
    try:
        from dashboards import build as builder  # noqa: PLC0415 - extra `dashboards`
    except ImportError as error:
        raise GapwatchError(f"dashboards need {error.name}: pip install 'gapwatch[dashboards]'") from None
    return builder
