"""The robots of DingTalk, WeCom and Feishu, against a server that holds them to their published contracts.

DingTalk: open.dingtalk.com, "自定义机器人接入" and "安全设置"; WeCom: developer.work.weixin.qq.com, "群机器人配置说明";
Feishu: open.feishu.cn, "自定义机器人使用指南". All three answer 200 when they refuse.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from gapwatch.pipeline.alerts.message import Message
from gapwatch.pipeline.alerts.targets import AppriseTarget, DingTalk, Feishu, WeCom, for_severity, targets_of
from gapwatch.pipeline.errors import SettingsError

MESSAGE = Message("【严重】实现差距变差：产品“净水器”", "指数 45.9，往常 19.9\n<b>**不是标记**</b>")
SECRET = "SEC0123456789abcdef"  # noqa: S105


def dingtalk(query, headers, body):
    if "application/json" not in headers["Content-Type"]:
        return {"errcode": 43004, "errmsg": "invalid http header"}
    if query.get("access_token") != ["a1b2c3"]:
        return {"errcode": 300001, "errmsg": "token is not exist"}
    stamp, sign = query.get("timestamp", [""])[0], query.get("sign", [""])[0]
    wanted = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    if not stamp or abs(time.time() * 1000 - int(stamp)) > 3_600_000 or sign != base64.b64encode(wanted).decode():
        return {"errcode": 310000, "errmsg": "sign not match"}
    if body.get("msgtype") != "text" or not body["text"]["content"].strip():
        return {"errcode": 40035, "errmsg": "invalid parameter"}
    if len(json.dumps(body, ensure_ascii=False).encode()) > 20_000:
        return {"errcode": 460101, "errmsg": "message too long"}
    return {"errcode": 0, "errmsg": "ok"}


def wecom(query, headers, body):
    if query.get("key") != ["693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa"]:
        return {"errcode": 93000, "errmsg": "invalid webhook url"}
    if body.get("msgtype") != "text" or not body.get("text", {}).get("content"):
        return {"errcode": 40008, "errmsg": "invalid message type"}
    if len(body["text"]["content"].encode()) > 2048:
        return {"errcode": 40058, "errmsg": "text.content exceed max length 2048"}
    return {"errcode": 0, "errmsg": "ok"}


def feishu(query, headers, body):
    if body.get("msg_type") != "text" or not isinstance(body.get("content", {}).get("text"), str):
        return {"code": 9499, "msg": "Bad Request", "data": {}}
    stamp = body.get("timestamp", "0")
    wanted = hmac.new(f"{stamp}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    if abs(time.time() - int(stamp)) > 3600 or body.get("sign") != base64.b64encode(wanted).decode():
        return {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}
    return {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


CONTRACTS = {"/robot/send": dingtalk, "/cgi-bin/webhook/send": wecom, "/open-apis/bot/v2/hook/f00-ba4/": feishu}


class Robots(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken = []
        self.overrule = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        address = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        contract = CONTRACTS.get(address.path)
        answer = contract(parse_qs(address.query), self.headers, body) if contract else None
        if self.server.overrule is not None:
            answer = self.server.overrule
        elif answer and not answer.get("errcode") and not answer.get("code"):
            self.server.taken.append(body)
        content = json.dumps(answer).encode() if answer is not None else b"not found"
        self.send_response(200 if answer is not None else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def robots(monkeypatch):
    server = Robots()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(DingTalk, "notify_url", server.url + "/robot/send?access_token={token}")
    monkeypatch.setattr(WeCom, "notify_url", server.url + "/cgi-bin/webhook/send?key={key}")
    monkeypatch.setattr(Feishu, "notify_url", server.url + "/open-apis/bot/v2/hook/{token}/")
    monkeypatch.setattr("apprise.NotifyBase.request_rate_per_sec", 0)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def target(url, severity="notice"):
    return AppriseTarget(SecretStr(url), severity)


GOOD = {
    "dingtalk": f"dingtalk://{SECRET}@a1b2c3",
    "wecombot": "wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa",
    "feishu": f"feishu://f00-ba4?secret={SECRET}",
}


@pytest.mark.parametrize("kind", GOOD)
def test_the_message_arrives_as_text(robots, kind):
    assert target(GOOD[kind]).send(MESSAGE)
    (taken,) = robots.taken
    content = taken["content"]["text"] if kind == "feishu" else taken["text"]["content"]
    assert content.splitlines() == [MESSAGE.title, *MESSAGE.body.splitlines()]


@pytest.mark.parametrize(
    "url",
    [
        "dingtalk://SECwrong@a1b2c3",
        "dingtalk://a1b2c3",
        f"dingtalk://{SECRET}@other",
        "wecombot://other",
        "feishu://f00-ba4?secret=wrong",
        "feishu://f00-ba4",
        "feishu://nobody",
    ],
)
def test_a_refusal_with_status_200_is_a_refusal(robots, url):
    assert not target(url).send(MESSAGE)
    assert robots.taken == []


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("answer", [{"errcode": 130101, "errmsg": "send too fast"}, {"code": 11232}, {}, []])
def test_too_many_a_minute_or_an_answer_of_another_kind_is_no_success(robots, kind, answer):
    robots.overrule = answer
    assert not target(GOOD[kind]).send(MESSAGE)


@pytest.mark.parametrize("kind", GOOD)
def test_a_server_that_is_away_is_no_success(robots, monkeypatch, kind):
    for robot in (DingTalk, WeCom, Feishu):
        monkeypatch.setattr(robot, "notify_url", "http://127.0.0.1:9/{token}{key}".replace("{key}", ""))
    monkeypatch.setattr(WeCom, "notify_url", "http://127.0.0.1:9/{key}")
    assert not target(GOOD[kind]).send(MESSAGE)


@pytest.mark.parametrize("kind", GOOD)
def test_a_long_message_is_cut_to_what_the_service_takes(robots, kind):
    assert target(GOOD[kind]).send(Message(MESSAGE.title, "很长的消息" * 250))


def test_an_address_copied_from_wecoms_page_is_checked_too(robots):
    copied = target("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa")
    assert copied.send(MESSAGE)
    robots.overrule = {"errcode": 45009}
    assert not copied.send(MESSAGE)


def test_any_other_service_of_apprise_is_used_as_it_is(robots, monkeypatch):
    monkeypatch.setitem(CONTRACTS, "/hook", lambda *_: {"ok": True})
    assert target(robots.url.replace("http://", "json://") + "/hook").send(MESSAGE)
    (taken,) = robots.taken
    assert (taken["title"], taken["message"]) == (MESSAGE.title, MESSAGE.body)


def test_names_hold_no_secret_and_stay_the_same():
    for url in GOOD.values():
        assert target(url).name == target(url).name
        assert SECRET not in target(url).name
        assert "a1b2c3" not in target(url).name
    assert len({target(url).name for url in GOOD.values()}) == 3


def test_a_url_that_apprise_does_not_know_is_refused_without_showing_it():
    with pytest.raises(SettingsError) as refusal:
        targets_of({"warning": (SecretStr("dingtalkk://s3cret@token"),)})
    assert "s3cret" not in str(refusal.value)
    assert "dingtalkk" in str(refusal.value)


def test_severities_are_ordered():
    targets = targets_of({"critical": (SecretStr(GOOD["feishu"]),), "notice": (SecretStr(GOOD["dingtalk"]),)})
    assert [len(for_severity(targets, severity)) for severity in ("notice", "warning", "critical")] == [1, 1, 2]
