"""Every kind of bad input through the running workers: a reason or a stored form for each, and the others unharmed."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_driver import Client
from kafka import KafkaProducer
from support.fault_world import Workers, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

NOW = datetime.now(UTC)
TOO_LARGE = 20 * 1024**2  # for a dead letter; its publisher compresses
BOMB = 200 * 1024**2  # which a publisher packs into 200 kB
TURN = {"role": "customer", "text": "在吗"}


def value(**changes: Any) -> bytes:
    event = {"event_time": NOW.isoformat(), "channel": "app", "customer_id": "c", "text": "说好三天到,一周了"}
    return json.dumps({name: changed for name, changed in (event | changes).items() if changed is not ...}).encode()


def chat(**changes: Any) -> bytes:
    return value(**({"text": ..., "conversation_id": "k", "turns": [TURN]} | changes))


def turns(count: int) -> list[dict[str, Any]]:
    roles = ("customer", "agent")
    start = NOW - timedelta(days=1)
    spoken = [(start + timedelta(seconds=number)).isoformat() for number in range(count)]
    return [{"role": roles[number % 2], "text": f"第{number}句", "at": at} for number, at in enumerate(spoken)]


class NotUtf8(str):
    """A header name as no client in Python would write it."""

    __slots__ = ()

    def encode(self, *_options: str) -> bytes:
        return b"\xff" + super().encode()


REFUSED: dict[str, list[tuple[str, bytes | None]]] = {
    "null_value": [("feedback", None)],
    "not_utf8": [("feedback", b"\xff\xfe"), ("complaint", "投诉".encode("gbk"))],
    "not_json": [("feedback", b'{"event_id": '), ("chat", b"")],
    "not_object": [("feedback", b"[1]"), ("complaint", b"null")],
    "too_deep": [("feedback", b'{"a":' * 100_000), ("chat", chat(event_id="d", x=json.loads("[" * 40 + "]" * 40)))],
    "missing_field": [("feedback", value()), ("chat", chat(event_id="m", turns=[{"role": "customer"}]))],
    "null_field": [("feedback", value(event_id=None))],
    "empty_field": [("feedback", value(event_id="")), ("chat", chat(event_id="n", turns=[]))],
    "wrong_type": [("feedback", value(event_id="w", rating="5"))],
    "out_of_range": [("feedback", value(event_id="r", rating=6))],
    "too_long": [("chat", chat(event_id="l", turns=[TURN] * 10_001))],
    "text_too_large": [("feedback", value(event_id="t", text="a" * 1_048_576))],
    "empty_text": [("feedback", value(event_id="e", text=" ")), ("complaint", value(event_id="e", text=""))],
    "control_character": [("feedback", value(event_id="a\x00")), ("feedback", value(event_id="\ud800"))],
    "unknown_channel": [("feedback", value(event_id="u", channel="tiktok"))],
    "unknown_role": [("chat", chat(event_id="o", turns=[{**TURN, "role": "boss"}]))],
    "unknown_field": [("chat", chat(event_id="f", turns=[{**TURN, "mood": "bad"}]))],
    "time_without_offset": [("feedback", value(event_id="x", event_time="2026-01-01T00:00:00"))],
    "time_unparsable": [("feedback", value(event_id="y", event_time="yesterday"))],
    "time_in_future": [("feedback", value(event_id="z", event_time=(NOW + timedelta(days=2)).isoformat()))],
    "time_before_2000": [("feedback", value(event_id="q", event_time="1999-12-31T23:59:59Z"))],
    "record_too_large": [("feedback", bytes(TOO_LARGE)), ("chat", bytes(BOMB))],
}
STORED: dict[str, tuple[str, bytes, str]] = {
    "emoji": ("feedback", value(event_id="emoji", text="😀👍🏽"), "😀👍🏽"),
    "controls": ("feedback", value(event_id="controls", text="好\x00评\x1b"), "好\ufffd评\ufffd"),
    "surrogate": ("feedback", value(event_id="surrogate", text="半\ud83d个"), "半\ufffd个"),
    "blank": ("feedback", value(event_id="blank", text="", rating=1), ""),
    "traditional": ("feedback", value(event_id="traditional", text="快遞還沒到"), "快遞還沒到"),
    "mixed": ("complaint", value(event_id="mixed", text="service差 ไม่ดี مشكلة"), "service差 ไม่ดี مشكلة"),
    "unknown": ("feedback", value(event_id="unknown", text="好", shop={"id": 7}), "好"),
    "long": ("feedback", value(event_id="long", text="好" * 100_000), "好" * 100_000),
}


@pytest.fixture(scope="module")
def settled(world: World) -> World:
    """All of it published, each bad record between good ones, and worked off."""
    producer = KafkaProducer(bootstrap_servers=world.stack.kafka, max_request_size=2 * BOMB, compression_type="gzip")
    good = 0
    for records in REFUSED.values():
        for event_type, record in records:
            producer.send(f"{event_type}.events", key=b"one key", value=record, headers=[(NotUtf8("trace"), b"t")])
            producer.send("feedback.events", key=None, value=value(event_id=f"good-{good}"))
            good += 1
    for event_type, record, _ in STORED.values():
        producer.send(f"{event_type}.events", key=b"one key", value=record)
    shuffled = [*reversed(turns(10_000))]
    producer.send("chat.events", key=b"k", value=chat(event_id="ten thousand", turns=shuffled))
    producer.send("chat.events", key=b"k", value=chat(event_id="no times"))
    for text in ("第一", "第二"):
        producer.send("feedback.events", key=b"one key", value=value(event_id="twice", text=text))
    producer.flush()
    producer.close()
    # One: a batch that changes hands may leave its dead letters twice.
    with Workers(world, processes=1) as workers:
        workers.wait_ready()
        world.settle()
    return world


def gapwatch(world: World, *arguments: str) -> str:
    command = [sys.executable, "-m", "gapwatch", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def reasons(world: World) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in gapwatch(world, "dead-letters", "list", "--json").splitlines():
        reason = json.loads(line)["reason"]
        found[reason] = found.get(reason, 0) + 1
    return found


def stored(world: World, what: str, event_ids: list[str]) -> dict[str, Any]:
    with Client.from_url(world.stack.clickhouse.url) as client:
        rows = client.execute(f"SELECT event_id, {what} FROM events WHERE event_id IN %(ids)s", {"ids": event_ids})  # noqa: S608
    return dict(rows)


def test_what_is_refused_has_its_reason(settled: World) -> None:
    assert reasons(settled) == {reason: len(records) for reason, records in REFUSED.items()}


def test_the_good_records_between_them_are_stored(settled: World) -> None:
    good = [f"good-{number}" for number in range(sum(map(len, REFUSED.values())))]
    assert len(stored(settled, "text", good)) == len(good)


def test_what_is_unusual_is_stored_as_documented(settled: World) -> None:
    assert stored(settled, "text", list(STORED)) == {name: text for name, (_, _, text) in STORED.items()}
    assert stored(settled, "attributes", ["unknown"]) == {"unknown": {"shop": '{"id": 7}'}}


def test_a_chat_of_ten_thousand_turns_is_stored_in_order(settled: World) -> None:
    measured = stored(settled, "(length(turns), first_response_seconds, turns[2].2)", ["ten thousand", "no times"])
    assert measured == {"ten thousand": (10_000, 1, "第1句"), "no times": (1, None, "")}


def test_of_an_event_published_twice_the_later_stands(settled: World) -> None:
    assert stored(settled, "text", ["twice"]) == {"twice": "第二"}


def test_a_replay_of_everything_fails_again_and_still_adds_up(settled: World) -> None:
    before = reasons(settled)
    told = gapwatch(settled, "dead-letters", "replay", "--all")
    assert told == f"replayed: {sum(before.values()) - 3}\nleft out, without a value: 3\n"
    with Workers(settled, processes=1) as workers:
        workers.wait_ready()
        settled.settle()
    after = reasons(settled)
    not_sent = {"null_value": 1, "record_too_large": 2}
    assert after == {reason: 2 * count - not_sent.get(reason, 0) for reason, count in before.items()}
    settled.recount()
