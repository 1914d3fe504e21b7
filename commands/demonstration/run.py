"""The demo from start to end: a fresh stack, a worker, two weeks of events, a summary, and an exact recount."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from clickhouse_driver import Client
from kafka import KafkaProducer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from gapwatch.commands.demonstration import artifacts
from gapwatch.commands.demonstration.plan import STORY, plan
from gapwatch.commands.demonstration.summary import print_summary, signal_panel, stage_table
from gapwatch.commands.language import say, say_again
from gapwatch.commands.recount import show
from gapwatch.pipeline import logs
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.identity import Identity
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.topics import ensure_topics
from gapwatch.pipeline.maintenance.recount import RecountResult, recount
from gapwatch.pipeline.publishing.publisher import Publisher
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.signals.runner import Runner, minutes
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.stack import LocalStack
from gapwatch.pipeline.store import connect, migrate
from gapwatch.pipeline.words.catalogue import gettext_noop, message
from gapwatch.schemas.events import AnyEvent, topic_of

_DUPLICATE_SHARE = 0.01
_POLL_SECONDS = 0.2
_STUCK_AFTER_SECONDS = 120.0  # without any progress the worker is taken for stuck
_STOP_SECONDS = 40.0
# The story lasts three hours; the detector looks a little further back.
_WATCHED = timedelta(hours=4)
_WATCHED_EVERY = timedelta(minutes=5)

# What no channel should send and some do: each becomes a dead letter with its reason.
_UNREADABLE = (
    b"\xff\xfe not UTF-8",
    b'{"event_id": "half a rec',
    b"[]",
    b'{"event_id": "x-1", "event_time": "yesterday", "channel": "app", "customer_id": "c", "text": "t"}',
    b'{"event_id": "x-2", "event_time": "2026-01-01T00:00:00Z", "channel": "fax", "customer_id": "c", "text": "t"}',
    b'{"event_time": "2026-01-01T00:00:00Z", "channel": "app", "customer_id": "c", "text": "t"}',
)

_KEPT = gettext_noop(
    """
The stack stays up. To look further:
  gapwatch status           endpoints, lag and last write
  gapwatch dead-letters list
  gapwatch recount
  gapwatch down             stop it; the data stay"""
)


class DemoOptions(NamedTuple):
    """`own` are a user's events instead of planned ones; `keep` leaves the stack running afterwards."""

    events: int
    seed: int
    own: Sequence[AnyEvent]
    keep: bool


class _Stage(NamedTuple):
    """A point that every event passes, and the query that counts those past it."""

    done: str
    query: str


_STAGES = (
    _Stage(gettext_noop("read and stored"), "SELECT count() FROM events"),
    _Stage(gettext_noop("aggregated by minute"), "SELECT sum(primary_events) FROM gap_minute"),
    _Stage(gettext_noop("by hour"), "SELECT sum(primary_events) FROM gap_hour"),
    _Stage(gettext_noop("by day"), "SELECT sum(primary_events) FROM gap_day"),
)


class _Throughput(NamedTuple):
    published: int
    publish_seconds: float
    read_seconds: float
    metrics: str


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    metrics_port: int


def run(console: Console, options: DemoOptions) -> bool:
    """Run the demo; True when published = stored + duplicates + dead-lettered and every aggregate is exact.

    Raises GapwatchError when a part cannot start or makes no progress.
    """
    # The progress bars tell the story; log lines between them would only tear it.
    logs.configure(settings().model_copy(update={"log_level": "warning"}))
    data_dir = settings().data_dir.absolute()
    _begin_afresh(data_dir)
    with contextlib.ExitStack() as on_exit:
        with _progress(console) as progress:
            stack = _start_stack(data_dir, progress, keep=options.keep)
            if not options.keep:
                on_exit.callback(stack.down)
            now = datetime.now(UTC)
            events = options.own or plan(options.events, now, options.seed)
            worker = on_exit.enter_context(_worker())
            throughput = _publish_and_read(progress, worker, events, Random(options.seed))
            signals = _watch(progress)
        exact = _report(console, throughput, signals, None if options.own else now - STORY.lasts)
        _leave_to_look_at(console, stack, keep=options.keep)
    if options.keep:
        console.print(say(_KEPT))
    return exact


def _begin_afresh(data_dir: Path) -> None:
    """The demo shows its own events only: it starts from nothing, in a directory that no other stack uses."""
    if settings().kafka or settings().clickhouse:
        raise GapwatchError("the demo uses the local stack: unset GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE")
    marker = data_dir / "demo"
    if (data_dir / "stack.json").exists() and not marker.exists():
        raise GapwatchError(
            "{folder} holds data that the demo did not make; set another GAPWATCH_DATA_DIR for it", folder=data_dir
        )
    LocalStack(data_dir).down()
    for path in data_dir.glob("*") if data_dir.exists() else ():
        if path.name.startswith(("kafka-", "clickhouse", "stack.json", "keeper", "worker")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    data_dir.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _progress(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


def _start_stack(data_dir: Path, progress: Progress, *, keep: bool) -> LocalStack:
    task = progress.add_task(say("starting Kafka and ClickHouse"), total=None)

    def show(what: str, share: float | None) -> None:
        total, completed = (None, None) if share is None else (100, round(100 * share))
        progress.update(task, description=say(what), total=total, completed=completed)

    stack = LocalStack(data_dir, progress=show)
    stack.up(bound_to=None if keep else os.getpid())
    ensure_topics()
    migrate(endpoints().clickhouse)
    progress.update(task, description=say("Kafka and ClickHouse are up"), total=1, completed=1)
    return stack


@contextlib.contextmanager
def _worker() -> Iterator[_Worker]:
    """A worker like any other, in a process group of its own, stopped on the way out."""
    port = _free_port()
    with _worker_log().open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gapwatch", "worker", "--until-end-of", str(os.getpid())],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "GAPWATCH_METRICS_PORT": str(port), "GAPWATCH_METRICS_HOST": "127.0.0.1"},
        )
    try:
        yield _Worker(process, port)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _worker_log() -> Path:
    return settings().data_dir.absolute() / "worker.log"


def _publish_and_read(progress: Progress, worker: _Worker, events: Sequence[AnyEvent], random: Random) -> _Throughput:
    started = time.monotonic()
    published = _publish(progress, events, random)
    publish_seconds = time.monotonic() - started
    client = connect(endpoints().clickhouse)
    distinct = len({Identity.of(event) for event in events})
    first_stored = min(
        _follow(progress.add_task(say(stage.done), total=distinct), progress, worker.process, client, stage)
        for stage in _STAGES
    )
    read_seconds = time.monotonic() - max(first_stored, started)
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.metrics_port}/metrics", timeout=10) as answer:
        return _Throughput(published, publish_seconds, read_seconds, answer.read().decode())


def _publish(progress: Progress, events: Sequence[AnyEvent], random: Random) -> int:
    """The events, one in a hundred of them twice, and a few records that nobody can read."""
    again = random.sample(events, round(len(events) * _DUPLICATE_SHARE))
    task = progress.add_task(say("published"), total=len(events) + len(again) + len(_UNREADABLE))
    with Publisher() as publisher:
        for event in (*events, *again):
            publisher.publish(event)
            progress.update(task, completed=publisher.acknowledged)
    producer = KafkaProducer(**client_options())
    for record in _UNREADABLE:
        producer.send(topic_of("feedback"), value=record)
    producer.close()
    progress.update(task, completed=len(events) + len(again) + len(_UNREADABLE))
    return len(events) + len(again) + len(_UNREADABLE)


def _follow(task: TaskID, progress: Progress, worker: subprocess.Popen[bytes], client: Client, stage: _Stage) -> float:
    """Wait until every event is past the stage; returns when the first was seen to be, by the monotonic clock."""
    done, moved, first = 0, time.monotonic(), 0.0
    while not progress.tasks[task].finished:
        time.sleep(_POLL_SECONDS)
        now = int(client.execute(stage.query)[0][0])
        if now != done:
            done, moved = now, time.monotonic()
            first = first or moved
        progress.update(task, completed=done)
        if worker.poll() is not None:
            raise GapwatchError(
                "the worker ended with exit code {code}; its log: {log}",
                code=worker.returncode,
                log=_worker_log(),
            )
        if time.monotonic() - moved > _STUCK_AFTER_SECONDS:
            raise GapwatchError(
                "no event was {done} for {seconds:.0f} s; the worker's log: {log}",
                done=message(stage.done),
                seconds=_STUCK_AFTER_SECONDS,
                log=_worker_log(),
            )
    return first


def _watch(progress: Progress) -> list[Signal]:
    """Judge the last hours as the detector would have judged them minute by minute, and return what is open now."""
    now = datetime.now(UTC)
    moments = list(minutes(now - _WATCHED, now, _WATCHED_EVERY))
    task = progress.add_task(say("watched for what gets worse"), total=len(moments))
    runner = Runner(endpoints().clickhouse)
    opened: list[Signal] = []
    try:
        for moment in moments:
            opened = runner.once(moment)
            progress.advance(task)
    finally:
        runner.close()
    return opened


def _report(console: Console, throughput: _Throughput, signals: Sequence[Signal], story_began: datetime | None) -> bool:
    client = connect(endpoints().clickhouse)
    print_summary(console, client, STORY)
    console.print(signal_panel(signals, story_began))
    console.print(stage_table(throughput.metrics, throughput.published))
    console.print(
        say(
            "published in {publishing} s; from the first event stored to the last aggregate {reading} s: "
            "{rate} events/s, one worker beside Kafka and ClickHouse",
            publishing=f"{throughput.publish_seconds:.1f}",
            reading=f"{throughput.read_seconds:.1f}",
            rate=f"{throughput.published / throughput.read_seconds:,.0f}",
        )
    )
    counted = _final_recount(endpoints().clickhouse)
    show(console, counted)
    return counted.exact


def _final_recount(url: str) -> RecountResult:
    """Offsets are committed a moment after the last aggregate stands; until then a recount is not final."""
    deadline = time.monotonic() + _STUCK_AFTER_SECONDS
    counted = recount(url)
    while not counted.final and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        counted = recount(url)
    return counted


def _leave_to_look_at(console: Console, stack: LocalStack, *, keep: bool) -> None:
    """None of it decides whether the demo worked."""
    folder, clickhouse = stack.data_dir, stack.clickhouse.pid
    assert clickhouse  # noqa: S101 - the recount has just asked it
    try:
        written = _short(artifacts.write_report(folder))
        console.print(say("report of the last week, to open offline: {file}", file=written), soft_wrap=True)
        board = artifacts.start_board(folder, clickhouse)
        if keep:
            console.print(say("the board is at {address} until `gapwatch down`", address=board.address))
        try:
            picture = artifacts.take_picture(folder, board.address)
            console.print(say("picture of the board: {file}", file=_short(picture)), soft_wrap=True)
        finally:
            if not keep:
                board.stop()
    except (GapwatchError, ImportError) as error:
        why = say_again(error.message) if isinstance(error, GapwatchError) else error
        console.print(say("no more to look at: {error}", error=why), soft_wrap=True)


def _short(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
