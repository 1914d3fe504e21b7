"""Reviews, posts and remarks on their way to ClickHouse."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.batches import events_of, take


@app.agent(events_of("feedback"))
async def feedback(stream: Any) -> None:
    await take("feedback", stream)
