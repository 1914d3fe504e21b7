"""Days and instants on the command line."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from gapwatch.pipeline.settings import settings


class Instant(click.DateTime):
    """A day of the time zone set, or an instant with its offset."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        instant: datetime = super().convert(value, param, ctx)
        return instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(settings().time_zone))
