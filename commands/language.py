"""The language of the command line: GAPWATCH_LOCALE, else Chinese for people and English for scripts.

See docs/decisions/0068.
"""

import copy
import gettext
import inspect
import os
import sys
from collections.abc import Mapping

import click

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.words.catalogue import DOMAIN, FOLDER, Locale, Speaker, gettext_noop

# What click says of itself in help and errors; it asks the standard library's gettext for its words.
_OF_CLICK = (
    gettext_noop("Usage:"),
    gettext_noop("Options"),
    gettext_noop("Commands"),
    gettext_noop("Show this message and exit."),
    gettext_noop("Show the version and exit."),
    gettext_noop("Error: {message}"),
    gettext_noop("Try '{command} {option}' for help."),
    gettext_noop("default: {default}"),
    gettext_noop("required"),
)


def say(text: str, /, **values: object) -> str:
    """The text in the language of the command line, its {placeholders} filled in when values are given."""
    return Speaker(locale())(text, **values)


def say_again(message: str) -> str:
    """A message of the pipeline in the language of the command line."""
    return Speaker(locale()).again(message)


def called(code: str, names: Mapping[str, str]) -> str:
    """What a code of the contract, such as `fulfillment`, is called; in English it speaks for itself."""
    return say(names[code]) if locale() == "zh" and code in names else code


def named(code: str, names: Mapping[str, str]) -> str:
    """The code with what it is called, for who goes on to use the code."""
    name = called(code, names)
    return code if name == code else f"{name} {code}"


def locale() -> Locale:
    """The one that is set. Else Chinese, as everywhere; but English where no terminal shows it, for scripts."""
    from gapwatch.pipeline.settings import settings  # noqa: PLC0415 - only when something is said

    try:
        in_force = settings()
    except SettingsError:
        return _unset()  # the command itself says what is wrong with them
    return in_force.locale if "locale" in in_force.model_fields_set else _unset()


def _unset() -> Locale:
    return "zh" if sys.stdout.isatty() else "en"


def translate_click() -> None:
    """Let click speak the language too."""
    gettext.bindtextdomain(DOMAIN, FOLDER)
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = locale()  # where gettext looks for it


def translated(command: click.Command) -> click.Command:
    """The command with its help, that of its options and of its subcommands in the language of the command line."""
    made = copy.copy(command)
    made.help = say(inspect.cleandoc(command.help or ""))
    example = (command.epilog or "").removeprefix("Example: ")
    made.epilog = say("Example: {command}", command=example) if example else None
    made.params = [_translated_parameter(parameter) for parameter in command.params]
    if isinstance(command, click.Group) and isinstance(made, click.Group):
        made.commands = {name: translated(one) for name, one in command.commands.items()}
    return made


def _translated_parameter(parameter: click.Parameter) -> click.Parameter:
    made = copy.copy(parameter)
    if isinstance(made, click.Option):
        made.help = say(made.help or "")
    return made
