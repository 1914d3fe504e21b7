import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer
from kafka.errors import KafkaError
from support.topic import Topic

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.errors import GapwatchError, PublishError
from gapwatch.pipeline.events.dead_letter import DeadLetter, StoredDeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.hosting.audit import AUDIT_FILE
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.maintenance import replay as replaying
from gapwatch.pipeline.maintenance.replay import MAX_REPLAYS, Selection, find_letter, read_letters, replay
from gapwatch.pipeline.settings import settings

TIME = 1_790_000_000_000


class DeadLetterTopics:
    """Puts dead letters into the real topics, as a worker does."""

    def __init__(self, kafka: str) -> None:
        self.kafka = kafka
        self._producer = KafkaProducer(bootstrap_servers=kafka)

    def send(self, number: int, **changes: Any) -> StoredDeadLetter:
        event_type = changes.pop("event_type", "feedback")
        reason = changes.pop("reason", Reason.NOT_JSON)
        record = Record(
            f"{event_type}.events", 0, number, TIME + number, b"c1", b"value %d" % number, [("trace", b"t")]
        )
        dead = DeadLetter.of(record._replace(**changes), Rejected(reason, "detail"))
        sent = self._producer.send(dead.topic, key=dead.key, value=dead.value, headers=dead.headers).get()
        letter = find_letter(f"{event_type}/{sent.partition}/{sent.offset}")
        assert letter
        return letter

    def sources(self, event_type: str = "feedback") -> list[Any]:
        return Topic(f"{event_type}.events", self.kafka).records()

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
def topics(event_topics: None, kafka: str) -> Iterator[DeadLetterTopics]:
    topics = DeadLetterTopics(kafka)
    yield topics
    topics.close()


def everything() -> list[StoredDeadLetter]:
    return list(read_letters(Selection()))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(gapwatch, ["dead-letters", *arguments])


def test_letters_are_selected_by_type_reason_and_time(topics: DeadLetterTopics) -> None:
    one = topics.send(1)
    two = topics.send(2, reason=Reason.TOO_DEEP)
    three = topics.send(3, event_type="chat")
    now = datetime.now(UTC)

    def names(**selection: Any) -> set[str]:
        return {letter.name for letter in read_letters(Selection(**selection))}

    assert names() == {one.name, two.name, three.name}
    assert names(event_types=("feedback",)) == {one.name, two.name}
    assert names(reasons=("too_deep",)) == {two.name}
    assert names(since=now + timedelta(hours=1)) == set()
    assert names(since=now - timedelta(hours=1)) == {one.name, two.name, three.name}
    assert names(until=now - timedelta(hours=1)) == set()
    first_moment = datetime.fromtimestamp(two.record.timestamp / 1000, UTC)
    assert one.name not in names(since=first_moment) or one.record.timestamp == two.record.timestamp


def test_a_letter_is_replayed_as_it_was(topics: DeadLetterTopics) -> None:
    topics.send(1)
    assert replay(everything()) == {"replayed": 1}
    (record,) = topics.sources()
    assert (record.key, record.value) == (b"c1", b"value 1")
    assert list(record.headers) == [
        ("trace", b"t"),
        ("gapwatch.replays", b"1"),
        ("gapwatch.source-timestamp", b"%d" % (TIME + 1)),
    ]


def test_each_letter_is_replayed_once_unless_asked_again(topics: DeadLetterTopics) -> None:
    for number in range(3):
        topics.send(number)
    assert replay(everything()[:2]) == {"replayed": 2}
    assert replay(everything()) == {"replayed": 1, "already replayed": 2}
    assert replay(everything()) == {"already replayed": 3}
    assert len(topics.sources()) == 3
    assert replay(everything(), again=True) == {"replayed": 3}
    assert len(topics.sources()) == 6


def test_a_dry_run_sends_nothing_and_marks_nothing(topics: DeadLetterTopics) -> None:
    topics.send(1)
    assert replay(everything(), dry_run=True) == {"replayed": 1}
    assert topics.sources() == []
    assert replay(everything()) == {"replayed": 1}


def test_a_record_that_keeps_failing_is_not_replayed_for_ever(topics: DeadLetterTopics) -> None:
    letter = topics.send(0)
    for count in range(1, MAX_REPLAYS + 1):
        assert replay([letter]) == {"replayed": 1}
        replayed = topics.sources()[-1]
        letter = topics.send(replayed.offset, headers=list(replayed.headers))
        assert (letter.replays, letter.source_timestamp) == (count, TIME)
    assert replay([letter], again=True) == {"replayed too often": 1}


def test_what_cannot_be_replayed_is_left_out(topics: DeadLetterTopics) -> None:
    topics.send(1, value=None)
    topics.send(2, headers=[])
    stranger = everything()[0]._replace(source_topic="gapwatch.dirty-minutes")
    assert replay([*everything(), stranger]) == {"replayed": 1, "without a value": 1, "of unknown origin": 1}


def test_a_crash_between_sending_and_marking_repeats_rather_than_loses(
    topics: DeadLetterTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "_LETTERS_PER_BATCH", 2)
    for number in range(5):
        topics.send(number)
    send = replaying._send
    calls = 0

    def crash(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:  # the marks of the second batch
            raise KeyboardInterrupt
        send(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(replaying, "_send", crash)
        with pytest.raises(KeyboardInterrupt):
            replay(everything())
    assert replay(everything()) == {"replayed": 3, "already replayed": 2}
    values = [record.value for record in topics.sources()]
    assert set(values) == {b"value %d" % number for number in range(5)}
    assert len(values) == 7


def test_a_record_that_kafka_refuses_is_told_and_not_marked(
    topics: DeadLetterTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics.send(1)

    def refuse(*_: Any, **__: Any) -> None:
        raise KafkaError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(KafkaProducer, "send", refuse)
        with pytest.raises(PublishError, match="no space"):
            replay(everything())
    assert replay(everything()) == {"replayed": 1}


def test_list_counts_by_reason_and_names_the_latest(topics: DeadLetterTopics) -> None:
    letters = [topics.send(number, reason=Reason.TOO_DEEP if number else Reason.NOT_JSON) for number in range(5)]
    replay(letters[-1:])
    told = run("list", "--limit", "2").output
    assert "5 dead letters, 1 of them replayed" in told
    assert told.split("too_deep")[1].split()[1] == "4"
    assert letters[0].name not in told
    latest = next(line for line in told.splitlines() if letters[4].name in line)
    assert "replayed" in latest
    lines = [json.loads(line) for line in run("list", "--json", "--reason", "not_json").output.splitlines()]
    assert [(line["name"], line["source_offset"], line["replayed"]) for line in lines] == [(letters[0].name, 0, False)]


def test_list_of_nothing(topics: DeadLetterTopics) -> None:
    assert "0 dead letters" in run("list").output


def test_show_masks_and_raw_does_not(topics: DeadLetterTopics) -> None:
    value = json.dumps({"text": "电话13812345678", "channel": "tiktok"}).encode()
    letter = topics.send(1, value=value, reason=Reason.UNKNOWN_CHANNEL)
    shown = run("show", letter.name).output
    assert "13812345678" not in shown
    assert "‹电话›" in shown
    assert "tiktok" in shown
    assert "reason: unknown_channel" in shown
    assert run("show", letter.name, "--raw").stdout_bytes == value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "value: (null)"),
        ("张三".encode("gbk"), "4 bytes that are not UTF-8"),
        (b"[" * 100_000, "(100,000 bytes)"),
        (b'{"text": "\\ud800"}', '"?"'),
    ],
)
def test_show_any_bytes(topics: DeadLetterTopics, value: bytes | None, told: str) -> None:
    assert told in run("show", topics.send(1, value=value).name).output


@pytest.mark.parametrize(
    "name", ["feedback/0/999999", "feedback/99/0", "survey/0/1", "feedback", "feedback/x/y", "a/b/c/d"]
)
def test_an_unknown_name_is_told(topics: DeadLetterTopics, name: str) -> None:
    result = run("show", name)
    assert isinstance(result.exception, GapwatchError)
    assert name in str(result.exception)


def test_replay_by_name_and_by_choice(topics: DeadLetterTopics) -> None:
    one, two, _ = (topics.send(number) for number in range(3))
    assert run("replay", one.name, two.name, "--dry-run").output == "would be replayed: 2\n"
    assert run("replay", one.name).output == "replayed: 1\n"
    assert run("replay", "--type", "feedback", "--since", "1h").output == "replayed: 2\nleft out, already replayed: 1\n"
    assert run("replay", "--all").output == "replayed: 0\nleft out, already replayed: 3\n"


def test_replaying_everything_must_be_said(topics: DeadLetterTopics) -> None:
    result = run("replay")
    assert result.exit_code == 2
    assert "--all" in result.output


@pytest.mark.parametrize("time", ["2026-11-22", "yesterday", "5y"])
def test_a_time_must_be_one(time: str) -> None:
    assert run("list", "--since", time).exit_code == 2


def test_what_is_shown_is_masked_and_moves_no_cursor(topics: DeadLetterTopics) -> None:
    value = json.dumps({"channel": "fax", "customer_id": "13812345678", "收货人": "张伟", "text": "\x1b[2J太慢\x9b了"})
    letter = topics.send(1, key=b"13812345678", value=value.encode())
    shown = run("show", letter.name).output
    for secret in ("12345678", "张伟", "\x1b", "\x9b"):
        assert secret not in shown
    assert r"\u001b[2J太慢" in shown
    assert shown.count("‹id:") == 2


def test_who_asks_for_raw_bytes_is_noted(
    topics: DeadLetterTopics, tmp_path: Path, settings_env: pytest.MonkeyPatch
) -> None:
    letter = topics.send(1)
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    assert run("show", letter.name).exit_code == 0
    assert not (tmp_path / AUDIT_FILE).exists()
    assert run("show", letter.name, "--raw").output == "value 1"
    (entry,) = (tmp_path / AUDIT_FILE).read_text().splitlines()
    assert json.loads(entry)["subject"] == letter.name


def test_headers_of_others_are_shown_harmless(topics: DeadLetterTopics, kafka: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    headers = [("gapwatch.reason", b"\x1b]0;x\x07"), ("gapwatch.detail", "请打13812345678\x1b[31m".encode())]
    producer.send("feedback.events.dead-letter", value=b"x", headers=headers).get()
    producer.close()
    for output in (run("list").output, run("list", "--json").output):
        assert "\x1b" not in output
        assert "12345678" not in output
        assert "‹电话›" in output
