"""Complaints on their way to ClickHouse."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.batches import events_of, take


@app.agent(events_of("complaint"))
async def complaint(stream: Any) -> None:
    await take("complaint", stream)
