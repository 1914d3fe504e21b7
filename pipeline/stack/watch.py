"""Stops a stack when the process that it belongs to ends.

`python -m gapwatch.pipeline.stack.watch gapwatch.service=DIRECTORY`.

A launcher that is killed with SIGKILL can tell nobody; this process waits for its end.
"""

import sys
from pathlib import Path

from gapwatch.pipeline.hosting.processes import wait_for_end
from gapwatch.pipeline.stack.keeper import Keeper
from gapwatch.pipeline.stack.local import LocalStack


def watch(data_dir: Path) -> None:
    """Wait for the end of the owner, then stop the stack."""
    owner = Keeper(data_dir).owner_process()
    if owner is not None:
        wait_for_end(owner)
    LocalStack(data_dir).down()


if __name__ == "__main__":
    watch(Path(sys.argv[1].partition("=")[2]).parent)
