"""`gapwatch profile`: what says how an export becomes events."""

import click

from gapwatch.pipeline.publishing.profiles.library import load_profile, profile_text, shipped_names


@click.group()
def profile() -> None:
    """How exports of others become events: see the profiles that there are, make one of your own."""


@profile.command("list")
def list_profiles() -> None:
    """List the profiles that come with gapwatch."""
    names = shipped_names()
    width = max(map(len, names))
    for name in names:
        found = load_profile(name)
        click.echo(f"{name:{width}}  {found.type:9}  {found.about}")


@profile.command()
@click.argument("name", metavar="NAME|FILE")
def show(name: str) -> None:
    """Print a profile, once it is found to have no faults."""
    load_profile(name)
    click.echo(profile_text(name), nl=False)
