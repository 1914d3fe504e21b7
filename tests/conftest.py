"""A real Kafka and a real ClickHouse for the tests: one stack for each worker of pytest-xdist.

`kafka`           bootstrap servers, in force as GAPWATCH_KAFKA
`database`        URL of a fresh, migrated database, in force as GAPWATCH_CLICKHOUSE, dropped after the test
`empty_database`  the same without tables
`new_topic`       makes a topic of a unique name
`event_topics`    the product's own topics, emptied
`group`           a unique consumer group, in force as GAPWATCH_GROUP
`stack`           the servers themselves; a test that stops or kills one starts a LocalStack of its own
`settings_env`    sets GAPWATCH_* for one test

Workers are given whole files (`--dist loadfile`), so servers of a file's own are started once.

A process or a thread that tests leave behind fails the session.
"""

import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
from clickhouse_driver import Client
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from gapwatch.pipeline.kafka.topics import ALL_TOPICS, ensure_topics
from gapwatch.pipeline.settings import CONFIG_VARIABLE, settings
from gapwatch.pipeline.stack import LocalStack

# No test asserts time, and what is compiled when first called takes seconds then.
hypothesis.settings.register_profile("gapwatch", deadline=None)
hypothesis.settings.load_profile("gapwatch")

_SESSION = "GAPWATCH_TEST_SESSION"  # inherited by every process that a test starts, however detached
_THREAD_SECONDS = 10  # those that were told to end may need a moment
_NEEDS_SERVERS = {"stack", "kafka", "empty_database"}


def pytest_configure(config: pytest.Config) -> None:
    if _is_worker(config):
        os.environ["GAPWATCH_DATA_DIR"] = str(_directory() / config.workerinput["workerid"])
        return
    for name in [name for name in os.environ if name.startswith("GAPWATCH_")]:
        del os.environ[name]  # the settings of whoever runs the tests are not tested
    directory = Path(tempfile.mkdtemp(prefix="gapwatch tests "))  # paths with a space are supported
    no_settings = directory / "gapwatch.toml"
    no_settings.touch()
    os.environ |= {
        _SESSION: str(directory),
        CONFIG_VARIABLE: str(no_settings),
        "GAPWATCH_DATA_DIR": str(directory / "stack"),
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & _NEEDS_SERVERS:
            item.add_marker(pytest.mark.integration)


@pytest.hookimpl(trylast=True)  # after xdist has ended its workers
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_worker(session.config):
        return
    for stack in _directory().glob("*/stack.json"):
        LocalStack(stack.parent).down()
    left = _left_over()
    for process in left:
        print(f"\nleft running by the tests: {process.pid} {' '.join(process.cmdline())[:200]}")
        process.kill()
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(_directory(), ignore_errors=True)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


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


@pytest.fixture(scope="module", autouse=True)
def no_thread_left() -> Iterator[None]:
    """Threads that the tests of a module have started end with them."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _THREAD_SECONDS
    while left := set(threading.enumerate()) - before - _threads_of_libraries():
        assert time.monotonic() < deadline, f"left running by the tests: {left}"
        left.pop().join(0.1)


def _threads_of_libraries() -> set[threading.Thread]:
    """Daemons, and the pools that apprise keeps for the whole process."""
    found = {thread for thread in threading.enumerate() if thread.daemon}
    if apprise := sys.modules.get("apprise.apprise"):
        for pool in (apprise._shared_executor, apprise._coordinator_executor):
            found |= pool._threads if pool else set()
    return found


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> LocalStack:
    """The worker's Kafka and ClickHouse. A test that stops or kills one of them uses a stack of its own."""
    session_process = os.getppid() if _is_worker(request.config) else os.getpid()
    local = LocalStack(os.environ["GAPWATCH_DATA_DIR"])
    local.up(bound_to=session_process)
    return local


@pytest.fixture
def settings_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment, to set GAPWATCH_* in before the settings are first read."""
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@pytest.fixture
def kafka(stack: LocalStack, settings_env: pytest.MonkeyPatch) -> str:
    """Bootstrap servers, host:port."""
    settings_env.setenv("GAPWATCH_KAFKA", stack.kafka)
    return stack.kafka


@pytest.fixture
def empty_database(stack: LocalStack, settings_env: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of a fresh database without tables."""
    name = f"test_{uuid.uuid4().hex}"
    url = f"{stack.clickhouse.url.rpartition('/')[0]}/{name}"
    settings_env.setenv("GAPWATCH_CLICKHOUSE", url)
    with Client.from_url(stack.clickhouse.url) as client:
        client.execute(f"CREATE DATABASE {name}")
    yield url
    with Client.from_url(stack.clickhouse.url) as client:
        client.execute(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def database(empty_database: str) -> str:
    """URL of a fresh database with every migration applied."""
    from gapwatch.pipeline.store import migrate

    migrate(empty_database)
    return empty_database


@pytest.fixture
def group(settings_env: pytest.MonkeyPatch) -> str:
    """A consumer group that nobody else uses."""
    name = f"test-{uuid.uuid4().hex}"
    settings_env.setenv("GAPWATCH_GROUP", name)
    return name


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=kafka)
    yield client
    client.close()


@pytest.fixture
def new_topic(admin: KafkaAdminClient) -> Callable[..., str]:
    """`new_topic(partitions=1)` creates a topic and returns its name."""

    def create(partitions: int = 1) -> str:
        name = f"test-{uuid.uuid4().hex}"
        admin.create_topics({name: {"num_partitions": partitions}}, wait_for_metadata=True)
        return name

    return create


@pytest.fixture
def event_topics(admin: KafkaAdminClient) -> None:
    """Every topic of the product exists and has no records; offsets go on from where they were."""
    ensure_topics()
    partitions = [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics(list(ALL_TOPICS))
        for partition in topic["partitions"]
    ]
    ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    admin.delete_records({partition: ends[partition].offset for partition in partitions})
