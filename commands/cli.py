"""The `gapwatch` command. Each subcommand lives in `commands/` and is imported only when it is asked for."""

import importlib
import sys
from typing import Any

import click

from gapwatch.commands.language import say, say_again, translate_click, translated
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.words.catalogue import gettext_noop

# name: (module, extra that it needs, one-line help). All stands here so that `gapwatch --help` imports no command.
_COMMANDS = {
    "demo": ("demo", "local", gettext_noop("Run the whole pipeline on this machine with real reviews.")),
    "up": ("stack", "local", gettext_noop("Start the local Kafka and ClickHouse.")),
    "down": ("stack", "local", gettext_noop("Stop the local Kafka and ClickHouse.")),
    "status": ("stack", "worker", gettext_noop("Endpoints, lag and last write.")),
    "init": ("init", "worker", gettext_noop("Create the topics and the tables.")),
    "worker": ("worker", "worker", gettext_noop("Read events, store them, keep the aggregates.")),
    "publish": ("publish", "", gettext_noop("Publish events from a JSONL or CSV file.")),
    "check": ("publish", "", gettext_noop("Say what is wrong with a file, publish nothing.")),
    "profile": ("profile", "", gettext_noop("How exports of others become events.")),
    "gateway": ("gateway", "gateway", gettext_noop("Take events over HTTP, for channels without Kafka.")),
    "analyse": ("analyse", "worker", gettext_noop("Read a text: sentiment, gaps, evidence.")),
    "train": ("train", "train", gettext_noop("Learn the models from labelled texts.")),
    "evaluate": ("evaluate", "train", gettext_noop("How well sentiment is read, beside the baselines.")),
    "recount": ("recount", "worker", gettext_noop("Compare the aggregates with an exact recount.")),
    "reprocess": ("reprocess", "worker", gettext_noop("Read stored events again with the models in force.")),
    "dead-letters": ("dead_letters", "worker", gettext_noop("List, show and replay what could not be read.")),
    "signals": ("signals", "worker", gettext_noop("Watch every series for what gets worse.")),
    "alerts": ("alerts", "alerts", gettext_noop("Tell people what opened, escalated and recovered.")),
    "dashboards": ("dashboards", "dashboards", gettext_noop("Build, check and push Grafana's dashboards and alerts.")),
    "board": ("board", "board", gettext_noop("Serve the dashboards as a local page.")),
    "report": ("report", "board", gettext_noop("Write one week for a meeting, as one HTML or PDF file.")),
    "bench": ("bench", "worker", gettext_noop("Run the repository's benchmarks.")),
    "config": ("config", "", gettext_noop("Print the settings in force, secrets masked.")),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        try:
            module = importlib.import_module(f"gapwatch.commands.{_COMMANDS[cmd_name][0]}")
        except ModuleNotFoundError as error:
            raise _without_extra(cmd_name, error) from error
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101 - a typo in _COMMANDS
        return translated(command)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise _without_extra(ctx.invoked_subcommand or "", error) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(say("Commands")):
            formatter.write_dl([(name, say(help_text)) for name, (_, _, help_text) in _COMMANDS.items()])


def _without_extra(command: str, error: ModuleNotFoundError) -> Exception:
    """What to install for a command; a module of ours that is missing is a fault of ours, and stays what it is."""
    _, extra, _ = _COMMANDS[command]
    if not extra or (error.name or "").startswith("gapwatch"):
        return error
    return GapwatchError(
        "`gapwatch {command}` needs {package}: pip install 'gapwatch[{extra}]'",
        command=command,
        package=error.name,
        extra=extra,
    )


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gapwatch")
def gapwatch() -> None:
    """Streaming analytics of Chinese customer feedback: which service gap gets worse, where, in whose words."""


def main() -> None:
    """Entry point: every error a user can act on is one line on standard error and a non-zero exit."""
    translate_click()
    try:
        translated(gapwatch)()
    except GapwatchError as error:
        click.secho(f"gapwatch: {say_again(error.message)}", fg="red", err=True)
        sys.exit(1)
