"""Instants as parameters of queries."""

from datetime import UTC, datetime


def as_text(instant: datetime) -> str:
    """In UTC, as text: the driver would turn a datetime into the server's time zone."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
