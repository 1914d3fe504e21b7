"""What libraries say again and again is a few lines; what we say, and what is new, is there."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from gapwatch.pipeline import logs
from gapwatch.pipeline.settings import Settings


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    names = ("", "clickhouse_driver", "kafka.net.selector", *logs._TALKATIVE)
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = logging.getLogger().handlers[:]
    logs.configure(Settings(log_format="json"))
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_client_that_repeats_itself_is_cut_short(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    client = logging.getLogger("aiokafka.conn")
    for number in range(100):
        client.warning("cannot connect to node %s", number)
    client.error("another trouble")
    monkeypatch.setattr(logs, "_MINUTE", -1.0)
    client.warning("cannot connect to node %s", 100)
    lines = written.getvalue().splitlines()
    assert ["node 0" in lines[0], "node 1" in lines[1], "another trouble" in lines[2]] == [True] * 3
    assert "node 100 (98 more like this were left out)" in lines[3]
    assert len(lines) == 4


def test_our_own_lines_are_all_there(written: io.StringIO) -> None:
    for number in range(10):
        logs.logger("gapwatch.worker").warning("the same", number=number)
    assert len(written.getvalue().splitlines()) == 10
