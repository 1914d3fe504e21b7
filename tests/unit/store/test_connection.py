"""What a URL says, and a server that is down."""

import subprocess
import sys

import pytest

from gapwatch.pipeline.errors import (
    SettingsError,
)
from gapwatch.pipeline.store import connect


@pytest.mark.parametrize(
    "url", ["", "localhost:9000", "http://h:8123/gapwatch", "clickhouse://h:9000", "clickhouse://h:x/d"]
)
def test_a_url_that_is_none_is_told_with_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="GAPWATCH_CLICKHOUSE"):
        connect(url)


def test_what_the_url_says_wins() -> None:
    client = connect("clickhouse://u:p%40ss@h:9440/d?secure=true&send_receive_timeout=7")
    assert client.connection.secure_socket
    assert client.connection.send_receive_timeout == 7
    assert client.connection.password == "p@ss"  # noqa: S105


def test_a_server_that_is_down_is_told_in_one_line() -> None:
    script = (
        "from gapwatch.pipeline.store import ClickHouse\n"
        "try:\n    ClickHouse('clickhouse://u:secret@127.0.0.1:1/d').execute('SELECT 1')\n"
        "except Exception as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert told.stderr == ""
    assert len(told.stdout.splitlines()) == 1
    assert "secret" not in told.stdout
