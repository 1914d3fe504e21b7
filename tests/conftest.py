"""A real Kafka and a real ClickHouse for the tests: one stack for the session, shared by all xdist workers.

`kafka`         bootstrap servers, host:port
`database`      clickhouse:// URL of a fresh, migrated database, dropped after the test
`empty_database` the same without tables
`new_topic`     make a topic of a unique name
`group`         a unique consumer group
`event_topics`  the product's topics, empty; tests that use it run one after the other
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from clickhouse_driver import Client
from kafka import KafkaAdminClient

import pipeline.store
from pipeline.settings import settings
from pipeline.stack import LocalStack

_SESSION = "GAPWATCH_TEST_SESSION"  # inherited by every process that a test starts, however detached


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        os.environ[_SESSION] = tempfile.mkdtemp(prefix="gapwatch tests ")  # the space is on purpose


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & {"stack", "kafka", "database", "empty_database", "event_topics"}:
            item.add_marker(pytest.mark.integration)
        if "event_topics" in names:
            item.add_marker(pytest.mark.xdist_group("event topics"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_worker(session.config):
        return
    LocalStack(_directory() / "stack").down()
    left = _left_over()
    for process in left:
        print(f"\nleft running by the tests: {process.pid} {' '.join(process.cmdline())[:200]}")
        process.kill()
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(_directory(), ignore_errors=True)


def _directory() -> Path:
    return Path(os.environ[_SESSION])


def _left_over() -> list[psutil.Process]:
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in mine and _of_this_session(process)]


def _of_this_session(process: psutil.Process) -> bool:
    try:
        return process.environ().get(_SESSION) == os.environ[_SESSION]
    except psutil.Error:
        return False


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> LocalStack:
    """The session's Kafka and ClickHouse. A test that stops or kills one of them uses a stack of its own."""
    session_process = os.getppid() if _is_worker(request.config) else os.getpid()
    local = LocalStack(_directory() / "stack")
    local.up(bound_to=session_process)
    return local


@pytest.fixture
def settings_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment, to set GAPWATCH_* for one test; the settings are read anew before and after."""
    settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def kafka(stack: LocalStack, settings_env: pytest.MonkeyPatch) -> str:
    """Bootstrap servers, also in force as GAPWATCH_KAFKA."""
    settings_env.setenv("GAPWATCH_KAFKA", stack.kafka)
    return stack.kafka


@pytest.fixture
def empty_database(stack: LocalStack, settings_env: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of a fresh database without tables, also in force as GAPWATCH_CLICKHOUSE."""
    name = f"test_{uuid.uuid4().hex}"
    with Client.from_url(stack.clickhouse.url) as client:
        client.execute(f"CREATE DATABASE {name}")
        url = stack.clickhouse.url.removesuffix("gapwatch") + name
        settings_env.setenv("GAPWATCH_CLICKHOUSE", url)
        yield url
        client.execute(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def database(empty_database: str) -> str:
    """URL of a fresh database with every migration applied."""
    migrate = getattr(pipeline.store, "migrate", None)
    if migrate is not None:
        migrate(empty_database)
    return empty_database


@pytest.fixture
def group() -> str:
    """A consumer group that nobody else uses."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def new_topic(kafka: str) -> Callable[..., str]:
    """`new_topic(partitions=1)` creates a topic of a unique name."""

    def create(partitions: int = 1) -> str:
        name = f"test-{uuid.uuid4().hex}"
        admin = KafkaAdminClient(bootstrap_servers=kafka)
        try:
            admin.create_topics({name: {"num_partitions": partitions}}, wait_for_metadata=True)
        finally:
            admin.close()
        return name

    return create
