"""Where the servers are, by the settings."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.waiting import eventually

from gapwatch.pipeline.endpoints import LOCAL_FILE, LocalServers, endpoints, masked
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.hosting.processes import find
from gapwatch.pipeline.kafka.client import Client, client_options


@pytest.fixture
def named(settings_env: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    settings_env.setenv("GAPWATCH_KAFKA", "one:9092,two:9092")
    settings_env.setenv("GAPWATCH_CLICKHOUSE", "clickhouse://me:secret@ch:9440/db?secure=true")
    return settings_env


def test_named_servers_are_used_as_they_stand(named: pytest.MonkeyPatch) -> None:
    assert endpoints() == ("one:9092,two:9092", "clickhouse://me:secret@ch:9440/db?secure=true")
    assert client_options() == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "kafka_client": Client,
        "security_protocol": "PLAINTEXT",
    }


def test_nothing_named_and_nothing_running_is_told(settings_env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    with pytest.raises(StackError, match="gapwatch up"):
        endpoints()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What stands in for a server of the local stack, with its mark."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)", f"gapwatch.service={tmp_path}/one"]
    )
    yield process
    process.kill()
    process.wait()


def test_the_local_stack_is_found_by_its_file_while_it_runs(
    settings_env: pytest.MonkeyPatch, tmp_path: Path, server: subprocess.Popen[bytes]
) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    processes = {f"gapwatch.service={tmp_path}/one": server.pid + 1}  # it was started again since
    left = LocalServers("localhost:20000", "clickhouse://me:secret@localhost:20001/gapwatch", processes)
    (tmp_path / LOCAL_FILE).write_bytes(msgspec.json.encode(left))
    eventually(lambda: find(f"gapwatch.service={tmp_path}/one") is not None)
    assert endpoints() == (left.kafka, left.clickhouse)
    server.kill()
    server.wait()
    with pytest.raises(StackError, match=r"nothing runs in .* gapwatch up"):
        endpoints()


def test_a_damaged_file_of_the_local_stack_is_told(settings_env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    (tmp_path / LOCAL_FILE).write_text("{")
    with pytest.raises(StackError, match=r"endpoints\.json is damaged"):
        endpoints()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("clickhouse://me:secret@host:9000/db?secure=true", "clickhouse://me:***@host:9000/db?secure=true"),
        ("clickhouse://me:p%40ss@host/db", "clickhouse://me:***@host/db"),
        ("clickhouse://host:9000/db", "clickhouse://host:9000/db"),
        ("clickhouse://me@host:9000/db", "clickhouse://me@host:9000/db"),
    ],
)
def test_masked_urls_show_no_password(url: str, shown: str) -> None:
    assert masked(url) == shown
