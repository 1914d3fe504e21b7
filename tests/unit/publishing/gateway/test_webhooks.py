"""Webhooks: who signs is heard, a replay makes no second event, and a profile says what is an event."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from support.served_gateway import BODIES, Served, fits, served

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.publishing.gateway.webhooks import load_webhooks

SECRET = "0123456789abcdef"  # noqa: S105 - of the test
CONVERSATION = {
    "event": "conversation_resolved",
    "id": 481,
    "status": "resolved",
    "channel": "Channel::WebWidget",
    "created_at": 1793700000,
    "updated_at": 1793700300.5,
    "meta": {"sender": {"id": 77, "name": "小鱼"}, "assignee": {"id": 5}},
    "messages": [{"content": "我的锅还没到", "message_type": 0, "created_at": 1793700000, "status": "sent"}],
}
FILE = f"""
[chatwoot]
preset = "chatwoot"
secret = "{SECRET}"

[shop]
profile = "PROFILE"
secret = "{SECRET}"
signature = "X-Shop-Signature"
timestamp = "X-Shop-Time"
signed = "body"
"""
PROFILE = """
type = "feedback"
[columns]
event_id = "review"
event_time = "at"
customer_id = "user"
text = "words"
[constants]
channel = "marketplace"
"""
REVIEW = {"review": "r1", "at": "2026-01-02T03:04:05Z", "user": "u1", "words": "很好"}


@pytest.fixture
def gateway(tmp_path) -> Iterator[Served]:
    with served(tmp_path, webhooks=load_webhooks(written(tmp_path, FILE))) as running:
        yield running


def written(folder: Path, text: str) -> Path:
    (folder / "profile.toml").write_text(PROFILE)
    file = folder / "webhooks.toml"
    file.write_text(text.replace("PROFILE", str(folder / "profile.toml")))
    return file


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def chatwoot(gateway: Served, content: Any, *, at: float | None = None, secret: str = SECRET) -> requests.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = str(int(time.time() if at is None else at))
    signature = "sha256=" + signed(sent.encode() + b"." + body, secret)
    headers = {"X_Chatwoot_Signature": signature, "X_Chatwoot_Timestamp": sent, "Authorization": ""}
    return gateway.post(body, "/v1/webhooks/chatwoot", **headers)


def shop(gateway: Served, content: Any, signature: str | None = None) -> requests.Response:
    body = json.dumps(content).encode()
    given_signature = signed(body) if signature is None else signature
    headers = {"X_Shop_Signature": given_signature, "X_Shop_Time": str(int(time.time())), "Authorization": ""}
    return gateway.post(body, "/v1/webhooks/shop", **headers)


def test_a_conversation_that_is_resolved_is_one_event_however_often_it_is_told(gateway: Served) -> None:
    for _ in range(2):
        assert chatwoot(gateway, CONVERSATION).status_code == 202
    first, again = gateway.kept.records
    assert (first.topic, first.event_id) == ("chat.events", "481-1793700300.5")
    assert first == again
    event = decode("chat", first.value)
    assert (event.conversation_id, event.customer_id, event.turns[0].text) == ("481", "77", "我的锅还没到")
    chatwoot(gateway, CONVERSATION | {"updated_at": 1793709999})
    assert gateway.event_ids[-1] == "481-1793709999"


@pytest.mark.parametrize("changes", [{"event": "conversation_created"}, {"status": "open"}])
def test_what_else_is_told_is_passed_over(gateway: Served, changes: dict[str, str]) -> None:
    answer = chatwoot(gateway, CONVERSATION | changes)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)
    assert answer.json()["passed_over"]
    fits(answer, "/v1/webhooks/{name}")
    assert not gateway.kept.records


def test_who_does_not_sign_rightly_is_refused_and_counted(gateway: Served, capfd: pytest.CaptureFixture[str]) -> None:
    answers = [chatwoot(gateway, CONVERSATION, secret=SECRET[::-1])]
    answers += [shop(gateway, REVIEW, signature) for signature in ("", "x", "sha256=00", "é", signed(b"other"))]
    assert {answer.status_code for answer in answers} == {401}
    assert not gateway.kept.records
    text = requests.get(gateway.address + "/metrics", timeout=10).text
    assert 'webhooks_refused_total{webhook="shop"} 5.0' in text
    assert "还没到" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("away", [-301, 301])
def test_a_webhook_of_another_time_is_refused(gateway: Served, away: int) -> None:
    assert chatwoot(gateway, CONVERSATION, at=time.time() + away).status_code == 401


def test_a_profile_of_ones_own_makes_events(gateway: Served) -> None:
    answer = shop(gateway, [REVIEW, REVIEW | {"review": "r2", "words": ""}, REVIEW | {"review": "r3"}])
    assert answer.status_code == 207
    assert [one["index"] for one in answer.json()["refused"]] == [1]
    assert gateway.event_ids == ["r1", "r3"]


def test_webhooks_that_are_not_there_and_bodies_that_are_none(gateway: Served) -> None:
    assert gateway.post({}, "/v1/webhooks/other").status_code == 404
    for body, status in ((b"{", 400), (b"5", 400), (b'{"a":' * 100_000, 400), (b'{"a":' * 90 + b"1" + b"}" * 90, 400)):
        assert chatwoot(gateway, body).status_code == status


@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_body_makes_it_fail(gateway: Served, body: bytes) -> None:
    assert chatwoot(gateway, body).status_code in {200, 202, 207, 400, 422}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a]\nsecret='0123456789abcdef'", "profile"),
        ("[a]\npreset='chatwoot'\nsecret='short'", "16 characters"),
        ("[a]\npreset='none'\nsecret='0123456789abcdef'", "chatwoot"),
        ("[a]\nprofile='absent.toml'\nsecret='0123456789abcdef'", "absent.toml"),
        ("[a]\npreset='chatwoot'\nsecret_file='/absent'", "/absent"),
        ("[a]\npreset='chatwoot'\nsecret='0123456789abcdef'\nsignatur='x'", "signatur"),
        ("[a", "no TOML"),
        ("a = 1", "no TOML"),
    ],
)
def test_a_file_with_a_fault_is_told_with_its_table(tmp_path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load_webhooks(written(tmp_path, text))
