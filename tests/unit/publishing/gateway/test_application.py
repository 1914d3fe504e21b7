"""The gateway over HTTP, served by the real server; only Kafka is not there."""

import gzip
import http.client
import json
import re
import socket
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.served_gateway import BODIES, Served, event, fits, served

from gapwatch.pipeline.publishing.gateway import bodies, openapi
from gapwatch.pipeline.publishing.gateway.limits import RateLimits


@pytest.fixture
def gateway(tmp_path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def test_one_event_is_sent_on_as_it_came_with_its_id_as_key(gateway: Served) -> None:
    body = json.dumps(event("e7", shop=7)).encode()
    answer = gateway.post(body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "refused": []})
    fits(answer)
    (record,) = gateway.kept.records
    assert (record.topic, record.key, record.value) == ("feedback.events", b"e7", body)


def test_an_array_and_lines_are_many(gateway: Served) -> None:
    assert gateway.post([event("e1"), event("e2")]).status_code == 202
    lines = "\n".join(json.dumps(event(name)) for name in ("e3", "e4")).encode() + b"\r\n\n"
    assert gateway.post(lines, Content_Type="application/x-ndjson").json()["accepted"] == 2
    assert gateway.event_ids == ["e1", "e2", "e3", "e4"]


def test_of_a_batch_that_is_half_bad_the_good_half_is_taken(gateway: Served) -> None:
    bad = [event(rating=9), {"event_id": "e"}, 5, event(event_time="2026-01-01T00:00:00"), event(channel="weibo")]
    batch = [x for pair in zip(bad, (event(f"g{n}") for n in range(5)), strict=True) for x in pair]
    answer = gateway.post(batch)
    assert answer.status_code == 207
    fits(answer)
    refused = answer.json()["refused"]
    assert [one["index"] for one in refused] == [0, 2, 4, 6, 8]
    reasons = ["out_of_range", "missing_field", "not_object", "time_without_offset", "channel_not_allowed"]
    assert [one["reason"] for one in refused] == reasons
    assert [one.get("field") for one in refused] == ["$.rating", "$.event_time", None, "$.event_time", "$.channel"]
    assert gateway.event_ids == [f"g{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"\xff\xfe{}", 400, "not_utf8"),
        (b'{"a": NaN}', 400, "not_json"),
        (b"{", 400, "not_json"),
        (b"5", 400, "not_object"),
        (b'{"a":' * 100_000, 400, "too_deep"),
        (json.dumps({"a": 1}).encode(), 422, "missing_field"),
        (json.dumps(event(text=" ")).encode(), 422, "empty_text"),
        (json.dumps(event(channel="qq")).encode(), 403, "channel_not_allowed"),
        (json.dumps(event(text="好" * 99_000, attributes={str(n): "x" * 9_999 for n in range(99)})).encode(), 422,
         "record_too_large"),
    ],
)  # fmt: skip
def test_an_event_that_is_none_is_refused_with_its_reason(
    gateway: Served, body: bytes, status: int, reason: str
) -> None:
    answer = gateway.post(body)
    assert (answer.status_code, answer.json()["refused"][0]["reason"]) == (status, reason)
    fits(answer)
    assert not gateway.kept.records


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "no_events"),
        (b" [] ", 400, "no_events"),
        (b"[" * 100_000 + b"]" * 100_000, 400, "too_deep"),
        (b"[1,]", 400, "not_json"),
        (b"[" + b"1," * 1_000_000 + b"1]", 413, "too_many_events"),
        (b"[" + b"1," * 1_000 + b"1]", 413, "too_many_events"),
        (b" " * 10_000_000, 413, "body_too_large"),
    ],
)
def test_a_body_that_is_none_is_refused(gateway: Served, body: bytes, status: int, error: str) -> None:
    answer = gateway.post(body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    fits(answer)


def test_many_commas_within_events_are_no_events(gateway: Served) -> None:
    assert gateway.post([event(text='a,"}' * 10_000) for _ in range(10)]).status_code == 202


def test_of_duplicated_names_the_last_counts_as_in_the_worker(gateway: Served) -> None:
    assert gateway.post(b'{"event_id":"first",' + json.dumps(event("last")).encode()[1:]).status_code == 202
    assert gateway.event_ids == ["last"]


def test_who_has_no_key_is_told(gateway: Served) -> None:
    for given_key in ("", "Bearer", "Bearer x", f"Bearer {gateway.key}x", f"Basic {gateway.key}", "Bearer \xe9"):
        answer = gateway.post(event(), Authorization=given_key)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        fits(answer)


def test_a_key_is_for_types_and_channels(gateway: Served) -> None:
    assert gateway.post(event(), "/v1/events/complaint").status_code == 202
    answer = gateway.post(event(), "/v1/events/chat")
    assert (answer.status_code, answer.json()["error"]) == (403, "type_not_allowed")
    fits(answer, "/v1/events/chat")
    assert gateway.post(event(), "/v1/events/other").status_code == 404


def test_keys_change_while_it_runs(gateway: Served) -> None:
    old = gateway.key
    gateway.key = gateway.keys.rotate("shop", timedelta(hours=1))
    assert gateway.post(event()).status_code == 202
    assert gateway.post(event(), Authorization=f"Bearer {old}").status_code == 202
    gateway.keys.revoke("shop")
    assert gateway.post(event()).status_code == gateway.post(event(), Authorization=f"Bearer {old}").status_code == 401


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json; charset=gbk", "application/xml", "a/b/c"]
)
def test_another_content_type_is_refused(gateway: Served, content_type: str) -> None:
    answer = gateway.post(event(), Content_Type=content_type)
    assert answer.status_code == 415
    fits(answer)


def test_gzip_is_unpacked_within_the_limit(gateway: Served) -> None:
    packed = gzip.compress(json.dumps(event("e1")).encode()[:20]) + gzip.compress(json.dumps(event("e1")).encode()[20:])
    assert gateway.post(packed, Content_Encoding="gzip").status_code == 202
    bomb = gzip.compress(b" " * 200_000_000)
    assert gateway.post(bomb, Content_Encoding="gzip").status_code == 413
    for broken in (b"no gzip", packed[:-3], zlib.compress(b"{}")):
        answer = gateway.post(broken, Content_Encoding="gzip")
        assert (answer.status_code, answer.json()["error"]) == (400, "not_gzip")
    assert gateway.post(packed, Content_Encoding="br").status_code == 415


def test_without_kafka_nothing_counts_as_taken(gateway: Served) -> None:
    gateway.kept.away = True
    answer = gateway.post([event(), 5])
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    fits(answer)
    assert requests.get(gateway.address + "/health/ready", timeout=10).status_code == 503
    assert requests.get(gateway.address + "/health/live", timeout=10).status_code == 200


def test_a_key_that_sent_too_much_waits(tmp_path) -> None:
    with served(tmp_path, limits=RateLimits(0.5, 1e9)) as gateway:
        assert gateway.post([event(str(number)) for number in range(10)]).status_code == 202
        answer = gateway.post(event())
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "20")
        fits(answer)


def test_what_all_requests_hold_is_bounded(tmp_path) -> None:
    with served(tmp_path, room=1_000) as gateway:
        assert gateway.post(event(text="好" * 2_000)).status_code == 503
        assert gateway.post(event()).status_code == 202


def test_a_slow_sender_is_let_go(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    with connected(gateway) as connection:
        connection.sendall(head(gateway, 100) + b"{")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.headers["Connection"]) == (408, "close")
        answer.read()
        assert connection.recv(1) == b""


def connected(gateway: Served) -> socket.socket:
    return socket.create_connection((urlsplit(gateway.address).hostname, urlsplit(gateway.address).port), timeout=20)


def head(gateway: Served, length: int) -> bytes:
    lines = [
        "POST /v1/events/feedback HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {gateway.key}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def test_after_a_body_that_is_too_large_the_connection_serves_the_next_request(gateway: Served) -> None:
    session = requests.Session()
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
    for body, status in ((b"0" * 10_000_000, 413), (json.dumps(event()).encode(), 202)):
        answer = session.post(gateway.address + "/v1/events/feedback", data=body, headers=headers, timeout=30)
        assert answer.status_code == status
    session.close()


def test_requests_that_are_sent_at_once_are_answered_in_order(gateway: Served) -> None:
    first, second = json.dumps(event("e1")).encode(), b'{"bad":1}'
    with connected(gateway) as connection:
        connection.sendall(head(gateway, len(first)) + first + head(gateway, len(second)) + second)
        answered = b""
        while answered.count(b"HTTP/1.1 ") < 2 or b"missing_field" not in answered:
            received = connection.recv(65536)
            assert received
            answered += received
    statuses = [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", answered)]
    assert statuses == [202, 422]


def test_who_waits_to_be_told_to_go_on_hears_no(gateway: Served) -> None:
    with connected(gateway) as connection:
        connection.sendall(head(gateway, 10_000_000).replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413


def test_a_head_that_is_too_large_is_refused(gateway: Served) -> None:
    answer = gateway.post(event(), X_Long="x" * 20_000)
    assert answer.status_code == 431
    fits(answer)
    assert not gateway.kept.records


def test_every_answer_has_the_headers_and_none_opens_it_to_other_pages(gateway: Served) -> None:
    answers = [requests.get(gateway.address + path, timeout=10) for path in ("/nothing", "/health/live", "/metrics")]
    answers.append(gateway.post(event(), Origin="https://elsewhere.example"))
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_metrics_count_by_type_and_reason(gateway: Served) -> None:
    gateway.post([event(), {}])
    text = requests.get(gateway.address + "/metrics", timeout=10).text
    assert 'gapwatch_gateway_events_total{result="accepted",type="feedback"} 1.0' in text
    assert 'gapwatch_gateway_events_total{result="missing_field",type="feedback"} 1.0' in text


def test_the_log_has_neither_key_nor_words(gateway: Served, capfd: pytest.CaptureFixture[str]) -> None:
    gateway.post(event(text="秘密", rating="秘密"))
    gateway.post(event(), "/v1/events/feedback?token=secret")
    shown = "".join(capfd.readouterr())
    assert gateway.key not in shown
    assert "秘密" not in shown
    assert "secret" not in shown


def test_the_document_is_served_and_has_the_events(gateway: Served) -> None:
    document = requests.get(gateway.address + "/v1/openapi.json", timeout=10).json()
    assert document == openapi.document()
    for name in ("feedback", "complaint", "chat"):
        content = document["paths"][f"/v1/events/{name}"]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            jsonschema.validate(example["value"], {**content["schema"], "components": document["components"]})


@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES,
    kind=st.sampled_from(["application/json", "application/x-ndjson"]),
    packed=st.sampled_from(["", "gzip"]),
)
def test_no_body_makes_it_fail(gateway: Served, body: bytes, kind: str, packed: str) -> None:
    headers: dict[str, Any] = {"Content_Type": kind} | ({"Content_Encoding": packed} if packed else {})
    sent = gzip.compress(body) if packed and body[:1] != b"x" else body
    assert gateway.post(sent, **headers).status_code in {202, 207, 400, 403, 422}
