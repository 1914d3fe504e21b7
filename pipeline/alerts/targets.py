"""Where alerts go: apprise's services, with the robots of DingTalk, WeCom and Feishu made to say when they refused.

These three answer HTTP 200 even when they refuse a message (wrong signature, too many a minute, too long) and say so in
the answer's body, which apprise 2.2 does not read. An alert must not count as sent then.
"""

import base64
import hmac
import time
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import requests
from apprise import Apprise, NotifyBase, NotifyFormat, NotifyType
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot
from pydantic import SecretStr

from gapwatch.pipeline.alerts.message import Message, fitted
from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.signals.verdict import SEVERITIES, Severity

log = logger("gapwatch.alerts")


class Target(Protocol):
    """Somewhere to send to. `name` is stable over restarts and holds no secret."""

    @property
    def name(self) -> str: ...

    @property
    def severity(self) -> Severity:
        """The least severity sent there."""
        ...

    def send(self, message: Message) -> bool:
        """Whether the service took it; why not is logged."""
        ...


class _Robot(NotifyBase):  # type: ignore[misc]
    """Posts JSON and reads the verdict in the answer. Published contracts: see docs/alerts.md."""

    code_fields: ClassVar[tuple[str, ...]] = ("errcode",)

    def post(self, url: str, payload: dict[str, Any], params: dict[str, str] | None = None) -> bool:
        self.throttle()
        try:
            answer = requests.post(
                url,
                json=payload,
                params=params,
                timeout=self.request_timeout,
                verify=self.verify_certificate,
                allow_redirects=False,
            )
            verdict = dict(answer.json())
        except (requests.RequestException, ValueError, TypeError) as error:
            log.warning("no answer that can be read", service=self.secure_protocol, error=type(error).__name__)
            return False
        code = next((verdict[field] for field in self.code_fields if field in verdict), None)
        if answer.ok and code == 0:
            return True
        reason = str(verdict.get("errmsg") or verdict.get("msg") or "")[:200]
        log.warning("refused", service=self.secure_protocol, status=answer.status_code, code=code, reason=reason)
        return False


class DingTalk(NotifyDingTalk, _Robot):  # type: ignore[misc]
    """dingtalk://[SECRET@]TOKEN[/mobile number to call/...]"""

    def send(self, body: str, title: str = "", **_: Any) -> bool:
        payload = {
            "msgtype": "text",
            "text": {"content": f"{title}\n{body}"},
            "at": {"atMobiles": self.targets, "isAtAll": False},
        }
        return self.post(self.notify_url.format(token=self.token), payload, self._signature())

    def _signature(self) -> dict[str, str] | None:
        if not self.secret:
            return None
        timestamp = str(round(time.time() * 1000))
        return {"timestamp": timestamp, "sign": _sign(self.secret, f"{timestamp}\n{self.secret}")}


class WeCom(NotifyWeComBot, _Robot):  # type: ignore[misc]
    """wecombot://KEY"""

    def send(self, body: str, title: str = "", **_: Any) -> bool:
        # The limit of a text message is in bytes, not in characters.
        text = fitted(body, self.body_maxlen)
        return self.post(self.api_url, {"msgtype": "text", "text": {"content": text}})


class Feishu(NotifyFeishu, _Robot):  # type: ignore[misc]
    """feishu://TOKEN[?secret=SECRET]"""

    code_fields = ("code", "StatusCode")

    def __init__(self, token: str, secret: str | None = None, **options: Any) -> None:
        super().__init__(token=token, **options)
        self.secret = secret

    @staticmethod
    def parse_url(url: str) -> Any:
        parsed = NotifyFeishu.parse_url(url)
        if parsed:
            parsed["secret"] = NotifyFeishu.unquote(parsed["qsd"].get("secret", "")) or None
        return parsed

    def send(self, body: str, title: str = "", **_: Any) -> bool:
        return self.post(self.notify_url.format(token=self.token), self._signed({"text": body}))

    def _signed(self, content: dict[str, str]) -> dict[str, Any]:
        payload: dict[str, Any] = {"msg_type": "text", "content": content}
        if self.secret:
            timestamp = str(int(time.time()))
            payload |= {"timestamp": timestamp, "sign": _sign(f"{timestamp}\n{self.secret}", "")}
        return payload


def _sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha256")).decode()


_ROBOTS: dict[str, type[_Robot]] = {robot.secure_protocol: robot for robot in (DingTalk, WeCom, Feishu)}


class AppriseTarget:
    """One apprise URL."""

    def __init__(self, url: SecretStr, severity: Severity) -> None:
        self._service = _service(url.get_secret_value())
        self.severity = severity
        self.name = f"{type(self._service).__name__.removeprefix('Notify').lower()} {self._service.url_id()}"

    def send(self, message: Message) -> bool:
        apprise = Apprise()
        apprise.add(self._service)
        return bool(
            apprise.notify(
                title=message.title, body=message.body, body_format=NotifyFormat.TEXT, notify_type=NotifyType.WARNING
            )
        )


def _service(url: str) -> NotifyBase:
    scheme = url.partition("://")[0].lower()
    parsed = _ROBOTS[scheme].parse_url(url) if scheme in _ROBOTS else None
    service = _ROBOTS[scheme](**parsed) if parsed else Apprise.instantiate(url)
    if service is None:
        raise SettingsError(
            "GAPWATCH_ALERT_TARGETS: a URL that begins with {scheme!r} is none that apprise knows; "
            "docs/alerts.md has one of each kind",
            scheme=scheme[:20],
        )
    if service.secure_protocol in _ROBOTS and not isinstance(service, _Robot):
        return _service(service.url())  # a robot's address as copied from its page
    return service


def targets_of(urls: dict[Severity, tuple[SecretStr, ...]]) -> list[AppriseTarget]:
    """The targets of GAPWATCH_ALERT_TARGETS. Raises SettingsError for a URL that apprise does not know."""
    return [AppriseTarget(url, severity) for severity in SEVERITIES for url in urls.get(severity, ())]


def for_severity(targets: Sequence[Target], severity: Severity) -> list[Target]:
    """The targets that a signal of this severity goes to."""
    return [target for target in targets if SEVERITIES.index(target.severity) <= SEVERITIES.index(severity)]
