"""The Faust app: what each worker process runs.

`faust -A gapwatch.agents.app worker` runs one, `gapwatch worker` several.
Importing this module needs to know where Kafka and ClickHouse are, but contacts neither.
"""

import asyncio
import math
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import faust
from faust.auth import SASLCredentials, SSLCredentials

from gapwatch.agents.transport import driver as transport
from gapwatch.agents.transport.fetching import DEFAULT_BATCH_RECORDS
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.kafka.lost import Lost
from gapwatch.pipeline.kafka.security import sasl_login, tls_context
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.settings import Settings, settings
from gapwatch.pipeline.worker import metrics
from gapwatch.pipeline.worker.runtime import Runtime, prepare
from gapwatch.pipeline.worker.stalls import Stalls

log = logger("gapwatch.worker")

AGENTS = (
    "gapwatch.agents.feedback",
    "gapwatch.agents.complaint",
    "gapwatch.agents.chat",
    "gapwatch.agents.dirty_minutes",
)

# A worker that is gone is noticed after ten seconds; heartbeats come often enough to lose two of them.
SESSION_SECONDS = 10.0
HEARTBEAT_SECONDS = 3.0
COMMIT_SECONDS = 1.0
# A broker that hangs takes connections and never answers. A client asks it again and again until the cluster has put
# another in its place (ten seconds), and each time waits as long as this; by default 90 s. A member that joins is
# answered when all have joined, or after the time that they have for it, which must therefore be shorter.
REQUEST_SECONDS = 12.0
REBALANCE_SECONDS = 10.0
LAG_SECONDS = 5.0
# Brokers answer a waiting consumer ten times a second, and the first fetch after one failed comes within a second.
SILENT_SECONDS = 10.0


class App(faust.App):
    """Makes sure of topics, tables and models before it subscribes, and runs what is beside the agents."""

    def __init__(self, group: str, **options: Any) -> None:
        super().__init__(group, **options)
        self.stopping = threading.Event()
        self.stalls = Stalls()
        self.runtime: Runtime

    async def on_first_start(self) -> None:
        """In place of Faust's, which makes directories for tables: there are none."""
        try:
            self.runtime = await asyncio.to_thread(prepare, settings(), self.stopping, self.stalls)
        except GapwatchError as error:
            log.error("cannot start", error=str(error))  # noqa: TRY400 - one clear line
            os._exit(1)  # nothing has begun that would have to be ended
        self.add_future(self._run_runtime())

    async def _run_runtime(self) -> None:
        """Run it; when that ends by an error, stop in good order. What is not acknowledged is done again elsewhere."""
        try:
            await self.runtime.run()
        except* GapwatchError as errors:
            for error in _single(errors):
                log.error("cannot go on", error=str(error))  # noqa: TRY400 - one clear line
            os.kill(os.getpid(), signal.SIGTERM)
        except* Exception:
            log.exception("cannot go on")
            os.kill(os.getpid(), signal.SIGTERM)

    async def on_stop(self) -> None:
        try:
            await super().on_stop()
        finally:
            self.stopping.set()

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        """Faust waits for what agents took, which includes minutes that wait for a cooldown."""
        if hasattr(self, "runtime"):
            self.runtime.refresher.drain()
        await super()._consumer_wait_empty(consumer, logger)

    async def on_lost(self, lost: Lost) -> None:
        """The transport found records gone; it goes on when this returns. Tell of them, and keep that they are lost."""
        records = lost.next_offset - lost.first_offset
        log.error("records left their topic before they were read", records=records, **lost._asdict())
        await asyncio.to_thread(self.runtime.note_lost, lost)
        metrics.LOST.labels(lost.topic).inc(records)

    @property
    def ready(self) -> bool:
        """Whether this worker is in its group and nothing keeps it from storing."""
        in_group = not self.should_stop and not self.rebalancing and self.consumer_generation_id > 0
        return in_group and self.stalls.reason() is None


def _single(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _single(part)
    else:
        yield error


def _credentials() -> SASLCredentials | SSLCredentials | None:
    sasl, context = sasl_login(), tls_context()
    if sasl:
        return SASLCredentials(
            username=sasl.username,
            password=sasl.password.get_secret_value(),
            mechanism=sasl.mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None


def _make_app(in_force: Settings) -> App:
    return App(
        in_force.group,
        broker=[f"{transport.SCHEME}://{host}" for host in endpoints().kafka.split(",")],
        broker_credentials=_credentials(),
        broker_commit_interval=COMMIT_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_rebalance_timeout=REBALANCE_SECONDS,
        broker_request_timeout=REQUEST_SECONDS,
        broker_max_poll_records=min(DEFAULT_BATCH_RECORDS, in_force.flush_events),
        broker_session_timeout=SESSION_SECONDS,
        consumer_auto_offset_reset="earliest",
        autodiscover=AGENTS,
        # Topics are made before anybody subscribes; there are no tables, and so no leader and no standbys.
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )


app = _make_app(settings())


def _consumer() -> transport.Consumer:
    assert isinstance(app.consumer, transport.Consumer)  # noqa: S101 - by the scheme of the broker
    return app.consumer


@app.timer(1.0)  # type: ignore[untyped-decorator]
async def notice_silence() -> None:
    """What is done by Faust, and not by the runtime, would not be seen to wait for Kafka otherwise."""
    consumer = _consumer()
    for stage, seconds, why in (
        ("fetch", consumer.silent_seconds, "no broker has answered"),
        ("commit", consumer.committing_seconds, "the coordinator of the group has not answered"),
    ):
        if seconds > SILENT_SECONDS:
            app.stalls.begin(stage, why)
        else:
            app.stalls.end(stage)


@app.timer(LAG_SECONDS)  # type: ignore[untyped-decorator]
async def measure_lag() -> None:
    consumer = _consumer()
    known = consumer.silent_seconds <= SILENT_SECONDS  # else the ends of the logs are those of long ago
    behind: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for tp in consumer.assignment():
        end, done = consumer.highwater(tp), consumer.done_up_to(tp)
        behind[tp.topic] += max(0, end - done) if end is not None and done is not None else 0
        held[tp.topic] += 1
    for topic in (*EVENT_TOPICS, DIRTY_MINUTES_TOPIC):
        metrics.LAG.labels(topic).set(behind[topic] if known else math.nan)
        metrics.ASSIGNED.labels(topic).set(held[topic])
