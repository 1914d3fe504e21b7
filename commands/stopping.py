"""Commands that run until they are told to stop."""

import signal
import threading

import click

until_end_of = click.option("--until-end-of", "owner", type=int, help="Stop when the process of this id ends.")


def stopped_by_signals() -> threading.Event:
    """An event that Ctrl-C or SIGTERM sets, so that what is in hand is finished first."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
