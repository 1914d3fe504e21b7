"""The local stack: what it promises to those who start, kill and restart it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import Error
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import RetriableError
from support.waiting import eventually

from gapwatch.pipeline.endpoints import LOCAL_FILE, endpoints
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.stack import LocalStack, state
from gapwatch.pipeline.stack.clickhouse import DATABASE, READER
from gapwatch.pipeline.stack.clickhouse_server import EXIT_DIRECTORY_IN_USE
from gapwatch.pipeline.stack.keeper import Keeper
from gapwatch.pipeline.stack.service import Service

pytestmark = [pytest.mark.integration]

_PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a b, 数据")


@pytest.fixture(scope="module")
def shared_own(directory: Path) -> Iterator[LocalStack]:
    own = LocalStack(directory)
    yield own
    own.down()


@pytest.fixture
def own(shared_own: LocalStack) -> LocalStack:
    """A stack that the tests of this module may stop and kill, beside the one of the session; up, with some data."""
    shared_own.up()
    return shared_own


@pytest.fixture
def data(own: LocalStack) -> Callable[[], tuple[int, int]]:
    """Stores a row and a record; the result tells how many rows and records are there beyond those of before."""
    admin = KafkaAdminClient(bootstrap_servers=own.kafka)
    if "kept" not in admin.list_topics():
        admin.create_topics({"kept": {"num_partitions": 1}}, wait_for_metadata=True)
    admin.close()
    execute(own, "CREATE TABLE IF NOT EXISTS kept (n UInt8) ENGINE = MergeTree ORDER BY n")
    rows, records = count_rows(own), count_records(own)
    execute(own, "INSERT INTO kept VALUES", [(1,)])
    produce(own.kafka, "kept")
    return lambda: (count_rows(own) - rows, count_records(own) - records)


def execute(stack: LocalStack, query: str, values: list[tuple[int, ...]] | None = None) -> list[tuple[int, ...]]:
    with Client.from_url(stack.clickhouse.url) as client:
        result: list[tuple[int, ...]] = client.execute(query, values)
        return result


def count_rows(stack: LocalStack) -> int:
    return execute(stack, "SELECT count() FROM kept")[0][0]


def count_records(stack: LocalStack) -> int:
    consumer = KafkaConsumer(bootstrap_servers=stack.kafka)
    partition = TopicPartition("kept", 0)
    end: int = consumer.end_offsets([partition])[partition]
    consumer.close()
    return end


def produce(kafka: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    producer.send(topic, b"value").get(timeout=_PATIENCE_SECONDS)
    producer.close()


def servers(stack: LocalStack) -> list[Service]:
    return [*stack.brokers, stack.clickhouse]


def processes_under(directory: Path) -> list[psutil.Process]:
    """Every process that has the directory on its command line, however it came about."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(directory) in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def launcher(directory: Path, body: str) -> subprocess.Popen[str]:
    """Another process that enters a stack and does `body`; it has said `up` when this returns."""
    script = f"""
import signal, sys, time
from gapwatch.pipeline.stack import LocalStack, state
from gapwatch.pipeline.stack.clickhouse import DATABASE, READER
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in its background without
with LocalStack({str(directory)!r}) as stack:
    print("up", flush=True)
    {body}
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_data_and_addresses_survive_down_and_up(own: LocalStack, data: Callable[[], tuple[int, int]]) -> None:
    addresses = own.kafka, own.clickhouse.url

    assert own.down()
    assert not own.running
    assert processes_under(own.data_dir) == []

    own.up()
    assert (own.kafka, own.clickhouse.url) == addresses
    assert data() == (1, 1)


def test_up_twice_changes_nothing(own: LocalStack) -> None:
    before = own.status()
    LocalStack(own.data_dir).up()
    assert LocalStack(own.data_dir).status() == before


def test_down_without_a_stack_does_nothing(tmp_path: Path) -> None:
    assert not LocalStack(tmp_path).down()
    assert list(tmp_path.iterdir()) == []


def test_up_recovers_from_kill_of_everything(
    own: LocalStack, data: Callable[[], tuple[int, int]], settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(own.data_dir))
    assert endpoints() == (own.kafka, own.clickhouse.url)
    for server in servers(own):
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: all(server.pid is None for server in servers(own)))
    with pytest.raises(StackError, match="nothing runs"):
        endpoints()

    LocalStack(own.data_dir).up()
    assert data() == (1, 1)
    assert endpoints() == (own.kafka, own.clickhouse.url)


def test_one_server_is_stopped_and_started_alone(own: LocalStack, data: Callable[[], tuple[int, int]]) -> None:
    kafka_pids = [broker.pid for broker in own.brokers]

    own.clickhouse.kill()
    assert not own.clickhouse.running
    own.clickhouse.start()
    own.clickhouse.restart()

    assert data() == (1, 1)
    assert [broker.pid for broker in own.brokers] == kafka_pids


def test_server_without_its_record_is_found_again(own: LocalStack) -> None:
    pid = own.clickhouse.pid
    (own.clickhouse.directory / "pid").unlink()
    assert LocalStack(own.data_dir).clickhouse.pid == pid


def test_process_that_only_has_the_recorded_id_is_left_alone(own: LocalStack) -> None:
    own.clickhouse.stop()
    (own.clickhouse.directory / "pid").write_text(str(os.getpid()))
    assert own.clickhouse.pid is None
    own.clickhouse.start()
    assert own.clickhouse.running


def test_second_server_on_a_directory_is_refused(own: LocalStack) -> None:
    command = [sys.executable, "-m", "gapwatch.pipeline.stack.clickhouse_server", f"x={own.clickhouse.directory}"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    assert second.returncode == EXIT_DIRECTORY_IN_USE
    assert "another ClickHouse serves" in second.stderr
    assert own.clickhouse.running


def test_two_stacks_run_side_by_side(own: LocalStack, stack: LocalStack) -> None:
    assert own.running
    assert stack.running
    assert {server.address for server in servers(own)}.isdisjoint(server.address for server in servers(stack))


def test_taken_ports_are_left_to_their_holder(
    own: LocalStack, data: Callable[[], tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    own.down()
    taken = [own.brokers[0].ports[0], own.clickhouse.ports[1]]
    with socket.create_server(("127.0.0.1", taken[0])), socket.create_server(("127.0.0.1", taken[1])):
        own.up()
        assert data() == (1, 1)
    assert f"port {taken[0]} of kafka-1 is taken by process {os.getpid()}" in caplog.text
    assert not {port for server in servers(own) for port in server.ports} & set(taken)


def test_failure_to_start_tells_the_log_and_stops_what_was_started(
    own: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.down()
    with socket.create_server(("127.0.0.1", own.clickhouse.ports[0])):
        monkeypatch.setattr("gapwatch.pipeline.stack.state.is_free", lambda _port: True)
        with pytest.raises(StackError, match=r"clickhouse ended while starting(.|\n)*Address already in use"):
            own.up()
    assert processes_under(own.data_dir) == []


def _reader_password(stack: LocalStack) -> str:
    """As docs/how-to/analyse.md tells an analyst where it stands."""
    kept = state.load(stack.data_dir / "stack.json")
    assert kept
    return kept.reader_password


def test_no_password_on_a_command_line_or_in_a_file_of_others(own: LocalStack) -> None:
    passwords = [own.clickhouse.url.split(":")[2].split("@")[0], _reader_password(own)]
    command_lines = " ".join(" ".join(process.cmdline()) for process in processes_under(own.data_dir))
    assert not any(password in command_lines for password in passwords)
    for file in (own.data_dir / "stack.json", own.data_dir / LOCAL_FILE, own.clickhouse.directory / "users.xml"):
        assert file.stat().st_mode & 0o077 == 0


def test_engine_user_without_password_is_closed_to_clients(own: LocalStack) -> None:
    with pytest.raises(Error) as refused, Client("127.0.0.1", own.clickhouse.ports[0]) as client:
        client.execute("SELECT 1")
    assert refused.value.code == 700  # USER_SESSION_LIMIT_EXCEEDED


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO kept VALUES (1)",
        "DROP TABLE kept",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
        "SELECT * FROM system.query_log",
        "SELECT * FROM remote('127.0.0.1', gapwatch.kept)",
    ],
)
def test_reader_can_only_read(own: LocalStack, data: Callable[[], tuple[int, int]], statement: str) -> None:
    execute(own, "SYSTEM FLUSH LOGS")  # makes system.query_log, which comes with its first line
    user = {"user": READER, "password": _reader_password(own), "database": DATABASE}
    with Client("127.0.0.1", own.clickhouse.ports[0], **user) as client:
        assert client.execute("SELECT min(n) FROM kept") == [(1,)]
        with pytest.raises(Error) as refused:
            client.execute(statement)
    assert refused.value.code in {164, 497}  # READONLY, ACCESS_DENIED


def test_log_does_not_hold_what_customers_wrote(own: LocalStack) -> None:
    execute(own, "SELECT 'a remark of a customer'")
    own.clickhouse.restart()
    assert own.clickhouse.log_file.stat().st_size > 0
    assert "a remark of a customer" not in own.clickhouse.log_file.read_text(encoding="utf-8")


def test_context_manager_leaves_a_stack_alone_that_was_up(own: LocalStack) -> None:
    pids = [server.pid for server in servers(own)]
    with LocalStack(own.data_dir):
        pass
    assert [server.pid for server in servers(own)] == pids


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_stack_of_a_process_ends_with_it(own: LocalStack, end: signal.Signals) -> None:
    own.down()
    process = launcher(own.data_dir, "time.sleep(600)")
    with pytest.raises(StackError, match=f"belongs to process {process.pid}, which still runs"):
        LocalStack(own.data_dir).up()
    process.send_signal(end)
    process.wait()
    eventually(lambda: processes_under(own.data_dir) == [])


def test_stack_left_by_a_killed_launcher_and_keeper_is_replaced(own: LocalStack) -> None:
    own.down()
    process = launcher(own.data_dir, "time.sleep(600)")
    left = {server.pid for server in servers(own)}
    Keeper(own.data_dir).kill()
    process.kill()
    process.wait()
    assert None not in left

    own.up()
    assert own.running
    assert left.isdisjoint(server.pid for server in servers(own))


def test_three_brokers_go_on_without_one(tmp_path: Path) -> None:
    with LocalStack(tmp_path / "three", brokers=3) as three:
        admin = KafkaAdminClient(bootstrap_servers=three.kafka)
        admin.create_topics({"kept": {"num_partitions": 3}}, wait_for_metadata=True)
        three.brokers[0].kill()
        produce(three.kafka, "kept")
        assert not three.running

        three.up()
        assert three.running

        def in_sync() -> bool:
            with contextlib.suppress(RetriableError):  # the one that was asked has only just come back
                [topic] = admin.describe_topics(["kept"])
                return all(len(partition["isr_nodes"]) == 3 for partition in topic["partitions"])
            return False

        eventually(in_sync)
        admin.close()
        with pytest.raises(StackError, match="has a Kafka of 3 brokers, not 1"):
            LocalStack(three.data_dir, brokers=1).status()
