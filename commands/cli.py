"""The `gapwatch` command. Each subcommand lives in `commands/` and is imported only when it is asked for."""

import importlib
import sys

import click

from gapwatch.pipeline.errors import GapwatchError

# name: (module, one-line help). The help stands here so that `gapwatch --help` imports nothing else.
_COMMANDS = {
    "demo": ("gapwatch.commands.demo", "Run the whole pipeline on this machine with real reviews."),
    "up": ("gapwatch.commands.stack", "Start the local Kafka and ClickHouse."),
    "down": ("gapwatch.commands.stack", "Stop the local Kafka and ClickHouse."),
    "status": ("gapwatch.commands.stack", "Endpoints, lag and last write."),
    "init": ("gapwatch.commands.init", "Create the topics and the tables."),
    "worker": ("gapwatch.commands.worker", "Read events, store them, keep the aggregates."),
    "publish": ("gapwatch.commands.publish", "Publish events from a JSONL or CSV file."),
    "check": ("gapwatch.commands.publish", "Say what is wrong with a file, publish nothing."),
    "analyse": ("gapwatch.commands.analyse", "Read a text: sentiment, gaps, evidence."),
    "train": ("gapwatch.commands.train", "Learn the models from labelled texts."),
    "evaluate": ("gapwatch.commands.evaluate", "How well sentiment is read, beside the baselines."),
    "recount": ("gapwatch.commands.recount", "Compare the aggregates with an exact recount."),
    "reprocess": ("gapwatch.commands.reprocess", "Read stored events again with the models in force."),
    "dead-letters": ("gapwatch.commands.dead_letters", "List, show and replay what could not be read."),
    "signals": ("gapwatch.commands.signals", "Watch every series for what gets worse."),
    "alerts": ("gapwatch.commands.alerts", "Tell people what opened, escalated and recovered."),
    "dashboards": ("gapwatch.commands.dashboards", "Build, check and push Grafana's dashboards and alerts."),
    "board": ("gapwatch.commands.board", "Serve the dashboards as a local page."),
    "report": ("gapwatch.commands.report", "Write one week for a meeting, as one HTML or PDF file."),
    "bench": ("gapwatch.commands.bench", "Run the repository's benchmarks."),
    "config": ("gapwatch.commands.config", "Print the settings in force, secrets masked."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101 - a typo in _COMMANDS
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gapwatch")
def gapwatch() -> None:
    """Streaming analytics of Chinese customer feedback: which service gap gets worse, where, in whose words."""


def main() -> None:
    """Entry point: every error a user can act on is one line on standard error and a non-zero exit."""
    try:
        gapwatch()
    except GapwatchError as error:
        click.secho(f"gapwatch: {error}", fg="red", err=True)
        sys.exit(1)
