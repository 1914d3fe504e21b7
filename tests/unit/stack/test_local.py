"""The parts of the local stack that need no server."""

import shutil
import socket
import stat
import uuid
from pathlib import Path
from typing import NamedTuple

import pytest

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.hosting import state_files
from gapwatch.pipeline.stack import LocalStack, state
from gapwatch.pipeline.stack.kafka import KafkaBroker, Node
from gapwatch.pipeline.stack.keeper import Keeper


def properties(brokers: int, tmp_path: Path) -> dict[str, str]:
    """The configuration of the last of some brokers."""
    nodes = [Node(number, 21_000 + number, 22_000 + number) for number in range(1, brokers + 1)]
    broker = KafkaBroker(tmp_path, nodes[-1], nodes, "cluster", tmp_path)
    (tmp_path / "formatted").touch()
    broker.prepare()
    lines = (tmp_path / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_state_survives_the_file(tmp_path: Path) -> None:
    created = state.create(brokers=3)
    state_files.save(tmp_path / "stack.json", created)
    assert state.load(tmp_path / "stack.json") == created
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600


def test_states_share_no_secret_and_no_port() -> None:
    one = state.create(brokers=1)
    assert one.password != one.reader_password
    assert one.password != state.create(brokers=1).password
    ports = [one.tcp_port, one.http_port, one.nodes[0].port, one.nodes[0].controller_port]
    assert len(set(ports)) == len(ports)


def test_cluster_id_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(int=0)])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(drawn))
    assert state.create(brokers=1).cluster_id == "A" * 22


def test_no_state_where_no_stack_has_been(tmp_path: Path) -> None:
    assert state.load(tmp_path / "stack.json") is None
    assert LocalStack(tmp_path).status() == []
    assert not LocalStack(tmp_path).running
    with pytest.raises(StackError, match=r"no local stack in .*; start one with: gapwatch up"):
        _ = LocalStack(tmp_path).kafka


@pytest.mark.parametrize("content", ["", "{", "[]", '{"nodes": []}'])
def test_damaged_state_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "stack.json").write_text(content)
    with pytest.raises(StackError, match=r"stack\.json is damaged .* start anew"):
        LocalStack(tmp_path).status()


def test_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not state.is_free(server.getsockname()[1])
    assert all(state.is_free(port) for port in state.free_ports(3))


def test_too_few_ports_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "is_free", lambda _port: False)
    with pytest.raises(StackError, match="fewer than 4 free ports"):
        state.create(brokers=1)


def test_one_broker_keeps_one_copy(tmp_path: Path) -> None:
    of_one = properties(1, tmp_path)
    assert of_one["default.replication.factor"] == "1"
    assert of_one["min.insync.replicas"] == "1"
    assert of_one["controller.quorum.voters"] == "1@127.0.0.1:22001"


def test_three_brokers_keep_three_copies_and_need_two(tmp_path: Path) -> None:
    of_three = properties(3, tmp_path)
    assert of_three["node.id"] == "3"
    assert of_three["controller.quorum.voters"].count("@") == 3
    for name in ("default.replication.factor", "offsets.topic.replication.factor"):
        assert of_three[name] == "3"
    for name in ("min.insync.replicas", "transaction.state.log.min.isr"):
        assert of_three[name] == "2"


def test_topics_do_not_come_about_by_a_typing_error(tmp_path: Path) -> None:
    assert properties(1, tmp_path)["auto.create.topics.enable"] == "false"


def test_servers_listen_on_this_machine_only(tmp_path: Path) -> None:
    listeners = properties(1, tmp_path)["listeners"]
    assert listeners == "CLIENT://127.0.0.1:21001,CONTROLLER://127.0.0.1:22001"


def test_unsupported_platform_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(StackError, match="runs on Linux and macOS, not on win32; set GAPWATCH_KAFKA"):
        LocalStack(tmp_path).up()


def test_missing_extra_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "chdb" else name)
    with pytest.raises(StackError, match=r"needs chdb: pip install 'gapwatch\[local\]'"):
        LocalStack(tmp_path).up()


def test_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(free=5 * 1024**2))
    with pytest.raises(StackError, match="has 5 MB free and the local stack needs 1024 MB"):
        LocalStack(tmp_path / "data").up()


def test_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"cannot start in .*file/data"):
        LocalStack(tmp_path / "file" / "data").up()


@pytest.mark.parametrize("record", ["", "x", "12 y", "1"])
def test_damaged_owner_record_means_no_owner(tmp_path: Path, record: str) -> None:
    (tmp_path / "keeper").mkdir()
    (tmp_path / "keeper" / "owner").write_text(record)
    keeper = Keeper(tmp_path)
    assert keeper.owner is None
    assert keeper.owner_process() is None


def test_owner_whose_id_another_process_has_is_gone(tmp_path: Path) -> None:
    (tmp_path / "keeper").mkdir()
    (tmp_path / "keeper" / "owner").write_text("1 0.0")  # process 1 lives, but did not start in 1970
    keeper = Keeper(tmp_path)
    assert keeper.owner == 1
    assert keeper.owner_process() is None
