"""Complaints on their way to ClickHouse."""

from typing import Any

from agents.app import app
from agents.events import events_of, take


@app.agent(events_of("complaint"))
async def complaint(stream: Any) -> None:
    await take("complaint", stream)
