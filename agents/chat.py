"""Conversations on their way to ClickHouse."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.batches import events_of, take


@app.agent(events_of("chat"))
async def chat(stream: Any) -> None:
    await take("chat", stream)
