"""`gapwatch dashboards`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapwatch.commands.language import say
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import GapwatchError, SettingsError
from gapwatch.pipeline.settings import Settings, settings
from gapwatch.pipeline.words.catalogue import gettext_noop

if TYPE_CHECKING:
    from gapwatch.dashboards.push import Change, Wanted

_ACTIONS = {
    "create": gettext_noop("create"),
    "update": gettext_noop("update"),
    "delete": gettext_noop("delete"),
}
_KINDS = {
    "folder": gettext_noop("folder"),
    "data source": gettext_noop("data source"),
    "dashboard": gettext_noop("dashboard"),
    "mute timing": gettext_noop("mute timing"),
    "contact point": gettext_noop("contact point"),
    "notification policy": gettext_noop("notification policy"),
    "rule group": gettext_noop("rule group"),
    "rule": gettext_noop("rule"),
}
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
    from gapwatch.dashboards import build as made  # noqa: PLC0415 - extra `dashboards`

    in_force = settings()
    texts = made.files("en" if (locale or in_force.locale) == "en" else "zh", in_force.docs_url, in_force.time_zone)
    folder = output or made.PROVISIONING
    try:
        made.write(folder, texts)
    except OSError as error:
        raise GapwatchError(
            "cannot write to {folder}: {problem}; name another with --output", folder=folder, problem=error.strerror
        ) from None
    click.echo(say("{count} files in {folder}", count=len(texts), folder=folder))


@dashboards.command(epilog="Example: gapwatch dashboards check dashboards/provisioning")
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
def check(folder: Path | None) -> None:
    """Say what Grafana would refuse or misread in the files of FOLDER, dashboards/provisioning unless given."""
    from gapwatch.dashboards import build as builder  # noqa: PLC0415 - extra `dashboards`
    from gapwatch.dashboards.provisioning_checks import problems  # noqa: PLC0415

    folder = folder or builder.PROVISIONING
    texts = builder.read(folder)
    found = problems(texts)
    for problem in found:
        click.echo(problem)
    if found:
        raise GapwatchError("{count} problems in {folder}", count=len(found), folder=folder)
    if not texts:
        raise GapwatchError("{folder} holds no files of Grafana", folder=folder)
    click.echo(say("{count} files in {folder}: nothing that Grafana would refuse", count=len(texts), folder=folder))


@dashboards.command(epilog="Example: gapwatch dashboards push --dry-run")
@_LOCALE
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option("--renew-secrets", is_flag=True, help="Write secrets again: Grafana does not show those it has.")
def push(locale: str | None, dry_run: bool, renew_secrets: bool) -> None:
    """Bring the Grafana at GAPWATCH_GRAFANA_URL to what the code says. Repeating it changes nothing."""
    from gapwatch.dashboards.grafana import Grafana  # noqa: PLC0415 - extra `dashboards`
    from gapwatch.dashboards.push import changes  # noqa: PLC0415

    in_force = settings()
    if not in_force.grafana_url or not in_force.grafana_token:
        raise SettingsError(
            "set GAPWATCH_GRAFANA_URL and GAPWATCH_GRAFANA_TOKEN, a service account's with the role Admin"
        )
    grafana = Grafana(in_force.grafana_url, in_force.grafana_token.get_secret_value())
    grafana.require()
    found = changes(grafana, _wanted(in_force, locale), renew_secrets=renew_secrets)
    for number, change in enumerate(found):
        click.echo(f"{say(_ACTIONS[change.action])} {say(_KINDS[change.kind])} {change.name}")
        for line in change.diff:
            click.echo(f"    {line}")
        if not dry_run:
            _apply(change, number)
    if not in_force.grafana_contacts:
        click.echo(say("GAPWATCH_GRAFANA_CONTACTS is empty: contact points and policies stay as they are"))
    click.echo(_total(len(found), dry_run=dry_run))


def _total(changes: int, *, dry_run: bool) -> str:
    if not changes:
        return say("no changes to make") if dry_run else say("no changes")
    if changes == 1:
        return say("1 change to make") if dry_run else say("1 change")
    return say("{count} changes to make", count=changes) if dry_run else say("{count} changes", count=changes)


def _apply(change: Change, done: int) -> None:
    from gapwatch.dashboards.grafana import GrafanaError  # noqa: PLC0415

    try:
        change.apply()
    except GrafanaError as error:
        raise GrafanaError(
            "{error}; {done} changes were made, the next push makes the rest", error=error, done=done
        ) from None


def _wanted(in_force: Settings, locale: str | None) -> Wanted:
    from gapwatch.dashboards.push import Wanted  # noqa: PLC0415

    clickhouse = in_force.grafana_clickhouse or in_force.clickhouse
    return Wanted(
        locale="en" if (locale or in_force.locale) == "en" else "zh",
        time_zone=in_force.time_zone,
        docs_url=in_force.docs_url,
        clickhouse=clickhouse.get_secret_value() if clickhouse else endpoints().clickhouse,
        contacts={contact: secret.get_secret_value() for contact, secret in in_force.grafana_contacts.items()},
    )
