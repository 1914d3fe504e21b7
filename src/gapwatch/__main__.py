"""`python -m gapwatch` is `gapwatch`, for processes that start others of the same environment."""

from gapwatch.commands.cli import main

main()
