"""A gateway served over HTTP in this process, with what it hands to Kafka kept, or with a real Kafka behind it."""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import requests
from hypothesis import strategies as st

from gapwatch.pipeline.hosting import web
from gapwatch.pipeline.publishing.event_record import EventRecord
from gapwatch.pipeline.publishing.gateway import openapi
from gapwatch.pipeline.publishing.gateway.application import Gateway, application
from gapwatch.pipeline.publishing.gateway.delivery import NotDelivered
from gapwatch.pipeline.publishing.gateway.intake import Intake
from gapwatch.pipeline.publishing.gateway.keys import KeyFile, KeyRing
from gapwatch.pipeline.publishing.gateway.limits import RateLimits, Room
from gapwatch.pipeline.publishing.gateway.metrics import Metrics


class Kept:
    """In the place of Kafka: keeps what it is given, or does not take it."""

    def __init__(self) -> None:
        self.largest = 1_000_000
        self.records: list[EventRecord] = []
        self.away = False

    async def send(self, records: Sequence[EventRecord]) -> None:
        if self.away:
            raise NotDelivered("Kafka did not answer in time")
        self.records += records

    async def ready(self) -> bool:
        return not self.away


@dataclass
class Served:
    """Where it is, what it has sent on, and a key for feedback and complaints of the app and the site."""

    address: str
    key: str
    keys: KeyFile
    kept: Kept

    def post(self, body: Any, path: str = "/v1/events/feedback", **headers: str) -> requests.Response:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(self.address + path, data=sent, headers=given | named, timeout=30)

    @property
    def event_ids(self) -> list[str]:
        return [record.event_id for record in self.kept.records]


def event(event_id: str = "e1", **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    given = {"event_id": event_id, "event_time": now, "channel": "app", "customer_id": "c1", "text": "说好三天到"}
    return given | changes


@contextlib.contextmanager
def served(folder: Path, *, limits: RateLimits | None = None, room: int = 2**26, **parts: Any) -> Iterator[Served]:
    """`parts` are further fields of the gateway."""
    kept, metrics = Kept(), Metrics()
    keys = KeyFile(folder / "keys.json")
    key = keys.new("shop", ("feedback", "complaint"), ("app", "site"))
    gateway = Gateway(
        keys=KeyRing(folder / "keys.json"),
        limits=limits or RateLimits(1e9, 1e12),
        room=Room(room),
        intake=Intake(kept, metrics),
        metrics=metrics,
        ready=kept.ready,
        **parts,
    )
    with web.listen("127.0.0.1", 0) as listener:
        server = web.server(application(gateway))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(web.address(listener), key, keys, kept)
        finally:
            server.should_exit = True
            thread.join(30)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
# Nearly events: some fields are right.
NEARLY = st.fixed_dictionaries({name: JSON_VALUES | st.just(value) for name, value in event().items()})
BODIES = (
    st.binary(max_size=300)
    | JSON_VALUES.map(lambda value: json.dumps(value).encode())
    | st.lists(NEARLY, max_size=4).map(lambda value: json.dumps(value).encode("utf-8"))
)


def fits(answer: requests.Response, path: str = "/v1/events/feedback") -> None:
    """Whether the OpenAPI document knows the status and the shape of an answer."""
    document = openapi.document()
    known = document["paths"][path]["post"]["responses"][str(answer.status_code)]
    schema = known["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": document["components"]})
