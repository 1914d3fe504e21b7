"""`gapwatch up`, `down` and `status` as a user types them."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from clickhouse_driver import Client

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.endpoints import LOCAL_FILE
from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.stack import LocalStack


def run(*arguments: str) -> Result:
    return CliRunner().invoke(gapwatch, arguments)


def status() -> tuple[int, dict[str, Any]]:
    result = run("status", "--json")
    return result.exit_code, json.loads(result.output)


def test_up_by_two_at_once_then_status_then_down(tmp_path: Path, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    command = [sys.executable, "-m", "gapwatch", "up"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = {process.communicate()[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]

    code, report = status()
    assert code == 0
    assert report["running"] is True
    assert len(outputs) == 1
    assert report["kafka"] in outputs.pop()
    assert report["clickhouse"].startswith("clickhouse://gapwatch:")
    assert [service["running"] for service in report["services"]] == [True, True]
    assert report["last_write"] is None
    assert "***" in run("status").output
    assert report["clickhouse"] not in run("status").output

    LocalStack(tmp_path).clickhouse.kill()
    code, report = status()
    assert code == 1
    assert report["running"] is False
    assert [problem.partition(" ")[0] for problem in report["problems"]] == ["ClickHouse"]

    assert run("down").output == "stopped\n"
    assert not (tmp_path / LOCAL_FILE).exists()
    assert run("down").output == f"nothing ran in {tmp_path}\n"


def test_status_where_nothing_runs(tmp_path: Path, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    assert status() == (
        1,
        {"kafka": None, "clickhouse": None, "running": False, "data_dir": str(tmp_path), "services": []},
    )
    assert "gapwatch up" in run("status").output


def test_named_servers_are_reported_and_none_is_started(
    kafka: str, database: str, event_topics: None, group: str
) -> None:
    assert "nothing to start" in run("up").output

    code, report = status()
    assert code == 0
    assert (report["kafka"], report["clickhouse"], report["running"]) == (kafka, database, True)
    assert report["lag"] == {"feedback.events": 0, "complaint.events": 0, "chat.events": 0}
    assert report["last_write"] is None


def test_last_write_is_when_an_event_was_stored(kafka: str, database: str) -> None:
    stored_at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    with Client.from_url(database) as client:
        columns = "event_id, event_time, stored_at"
        client.execute(f"INSERT INTO event_versions ({columns}) VALUES", [("e1", datetime.now(UTC), stored_at)])
    assert status()[1]["last_write"] == "2026-01-02T03:04:00+00:00"


def test_one_named_server_is_not_enough(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    assert isinstance(run("up").exception, SettingsError)


def test_servers_that_do_not_answer_are_problems(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setenv("GAPWATCH_CLICKHOUSE", "clickhouse://me:secret@127.0.0.1:1/db")
    code, report = status()
    assert code == 1
    assert [problem.partition(" ")[0] for problem in report["problems"]] == ["Kafka", "ClickHouse"]
    assert "secret" not in " ".join(report["problems"])
