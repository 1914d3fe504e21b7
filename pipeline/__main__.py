"""`python -m pipeline` is `gapwatch`, for processes that start others of the same environment."""

from pipeline.cli import main

main()
