"""The gateway as a process of its own, before a real Kafka: what it answers for is there, whatever happens to Kafka."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.fault_world import frozen, killed
from support.served_gateway import event
from support.topic import Topic
from support.waiting import eventually

from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.kafka.topics import ensure_topics
from gapwatch.pipeline.publishing.gateway.keys import KeyFile
from gapwatch.pipeline.stack import LocalStack

TOPIC = "feedback.events"


class Running:
    """A gateway, and who sends to it."""

    def __init__(self, process: subprocess.Popen[str], address: str, key: str) -> None:
        self.process = process
        self.address = address
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, events: Any) -> requests.Response:
        return requests.post(
            self.address + "/v1/events/feedback", data=json.dumps(events), headers=self._headers, timeout=60
        )


@contextlib.contextmanager
def running(kafka: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Iterator[Running]:
    keys = folder / "keys.json"
    key = KeyFile(keys).new("shop", ("feedback",), ("app",))
    chosen = {"GAPWATCH_KAFKA": kafka, "GAPWATCH_GATEWAY_KEYS": str(keys)} | settings
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "gapwatch", "gateway", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        reading = threading.Thread(target=process.stderr.read)
        reading.start()
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            yield Running(process, found[0], key)
        finally:
            process.terminate()
            process.wait(60)
            reading.join()


def ids(kafka: str) -> list[str]:
    return [json.loads(record.value)["event_id"] for record in Topic(TOPIC, kafka).records()]


def test_events_are_in_kafka_when_the_answer_comes(
    event_topics: None, kafka: str, tmp_path: Path, settings_env: pytest.MonkeyPatch
) -> None:
    with running(kafka, tmp_path, settings_env) as gateway:
        assert requests.get(gateway.address + "/health/ready", timeout=30).status_code == 200
        batch = [event(f"e{number}") for number in range(500)]
        assert gateway.post([*batch, {}]).json()["accepted"] == 500
        assert sorted(ids(kafka)) == sorted(one["event_id"] for one in batch)
        record = Topic(TOPIC, kafka).records()[0]
        assert record.key.decode() == json.loads(record.value)["event_id"]


def test_what_is_masked_is_so_before_kafka(
    event_topics: None, kafka: str, tmp_path: Path, settings_env: pytest.MonkeyPatch
) -> None:
    with running(kafka, tmp_path, settings_env, GAPWATCH_GATEWAY_MASK="true") as gateway:
        assert gateway.post(event(text="请打13812345678", customer_id="13812345678")).status_code == 202
    (record,) = Topic(TOPIC, kafka).records()
    assert b"13812345678" not in record.value
    sent = decode("feedback", record.value)
    assert mask_event(sent).event == sent


def test_who_sends_while_it_stops_is_answered(
    event_topics: None, kafka: str, tmp_path: Path, settings_env: pytest.MonkeyPatch
) -> None:
    accepted: list[str] = []
    with running(kafka, tmp_path, settings_env) as gateway:
        began = threading.Event()

        def send() -> None:
            for number in range(10_000):
                try:
                    answer = gateway.post(event(f"e{number}"))
                except requests.ConnectionError:
                    return
                assert answer.status_code == 202
                accepted.append(f"e{number}")
                if number == 20:
                    began.set()

        sender = threading.Thread(target=send)
        sender.start()
        assert began.wait(60)
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(60) == 0
        sender.join()
    found = ids(kafka)
    assert set(accepted) <= set(found)
    assert len(found) <= len(accepted) + 1


@pytest.mark.parametrize("loss", [killed, frozen], ids=["killed", "hangs"])
def test_while_kafka_is_away_nothing_is_taken_and_afterwards_nothing_is_lost(
    loss: Any, tmp_path: Path, settings_env: pytest.MonkeyPatch
) -> None:
    with LocalStack(tmp_path / "stack") as own:
        settings_env.setenv("GAPWATCH_KAFKA", own.kafka)
        ensure_topics()
        with running(own.kafka, tmp_path, settings_env) as gateway:
            assert gateway.post(event("before")).status_code == 202
            with loss(own.brokers[0]):
                answers = [gateway.post([event("during"), event("during too")]) for _ in range(2)]
                assert {answer.status_code for answer in answers} == {503}
                assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
                assert requests.get(gateway.address + "/health/ready", timeout=60).status_code == 503
                assert requests.get(gateway.address + "/health/live", timeout=60).status_code == 200
            # Who sends without a pause must not keep it from trying again.
            eventually(lambda: gateway.post([event("during"), event("during too")]).status_code == 202)
            assert gateway.post(event("after")).status_code == 202
        assert set(ids(own.kafka)) == {"before", "during", "during too", "after"}
