"""Where files are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository's directory."""
DEVELOPMENT_DATA = ROOT.parent / "shared" / "data"
"""Labelled texts beside a checkout; tests of them are skipped where there are none."""
