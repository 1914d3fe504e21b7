"""`gapwatch config`."""

import json

import click

from gapwatch.pipeline.settings import Settings, settings


@click.command(epilog="Example: GAPWATCH_PARTITIONS=8 gapwatch config")
def config() -> None:
    """Print the settings in force, as TOML, secrets masked."""
    in_force = settings()
    for name, field in Settings.model_fields.items():
        value = getattr(in_force, name)
        click.secho(f"# {field.description}  (GAPWATCH_{name.upper()})", dim=True)
        if value is None:
            click.echo(f"# {name} =")
        else:
            shown = str(value) if isinstance(value, int | float) else json.dumps(str(value), ensure_ascii=False)
            click.echo(f"{name} = {shown}")
