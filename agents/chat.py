"""Conversations on their way to ClickHouse."""

from typing import Any

from agents.app import app
from agents.events import events_of, take


@app.agent(events_of("chat"))
async def chat(stream: Any) -> None:
    await take("chat", stream)
