"""Webhooks of other programs: who sends is known by a signature, and a profile says how the body becomes events."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from gapwatch.pipeline.errors import GapwatchError, SettingsError
from gapwatch.pipeline.events.decode import MAX_DEPTH, Reason, Rejected
from gapwatch.pipeline.publishing.gateway.refusal import Refusal, bad_body, too_deep
from gapwatch.pipeline.publishing.profiles.application import apply
from gapwatch.pipeline.publishing.profiles.library import load_profile
from gapwatch.pipeline.publishing.profiles.profile import Joined, Profile, Rule

SIGNATURE_HEADER = "X-Signature"
TOLERANCE_SECONDS = 300
_SHORTEST_SECRET = 16
# What is known of the webhooks of a product; a table of the file may say otherwise.
_PRESETS: dict[str, dict[str, Any]] = {
    "chatwoot": {
        "profile": "chatwoot",
        "signature": "X-Chatwoot-Signature",
        "timestamp": "X-Chatwoot-Timestamp",
        "event_id": ["id", "updated_at"],
        "only": {"event": ["conversation_resolved", "conversation_status_changed"], "status": ["resolved"]},
    }
}


class _Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One table of the file. `docs/reference/gateway.md` says what its lines mean."""

    profile: str
    preset: str = ""
    secret: str = ""
    secret_file: str = ""
    signature: str = SIGNATURE_HEADER
    timestamp: str = ""
    signed: Literal["timestamp.body", "body"] = "timestamp.body"
    tolerance_seconds: int = TOLERANCE_SECONDS
    event_id: list[str] = []
    only: dict[str, list[str]] = {}
    events_per_second: float | None = None
    bytes_per_second: float | None = None


class Webhook(NamedTuple):
    """A webhook, ready to be received.

    Where `timestamp` names a header, that must hold the time of sending. It is signed with the body, unless
    `body_alone`.
    """

    id: str
    profile: Profile
    secret: bytes
    signature: str = SIGNATURE_HEADER
    timestamp: str = ""
    body_alone: bool = False
    tolerance_seconds: int = TOLERANCE_SECONDS
    events_per_second: float | None = None
    bytes_per_second: float | None = None

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises Refusal 401 for another signature, or for a time that is not about now: a replay, perhaps."""
        signed = body
        if self.timestamp:
            given = headers.get(self.timestamp, "")
            if not given.isascii() or not given.isdecimal() or len(given) > 12:
                raise _not_signed(f"{self.timestamp} must be the time of sending, in seconds")
            if abs(time.time() - int(given)) > self.tolerance_seconds:
                raise _not_signed(f"{self.timestamp} is more than {self.tolerance_seconds} seconds from now")
            signed = body if self.body_alone else given.encode() + b"." + body
        expected = hmac.digest(self.secret, signed, hashlib.sha256)
        if not hmac.compare_digest(_bytes_of(headers.get(self.signature, "")), expected):
            raise _not_signed(f"{self.signature} is no HMAC-SHA256 of this body with the secret of this webhook")

    def events(self, body: bytes) -> tuple[list[bytes | Rejected], list[str]]:
        """The events that the body holds, or why one is none; and why objects are passed over.

        Raises Refusal 400 where the body is no JSON object, nor an array of objects.
        """
        rows = apply(self.profile, _objects(body), self.id)
        events = [row.fault or row.value for row in rows if not row.skipped]
        return events, [str(row.skipped) for row in rows if row.skipped]


def load_webhooks(file: Path | None) -> dict[str, Webhook]:
    """The webhooks of a file, by name. Raises SettingsError where it cannot be used, naming the table."""
    if file is None:
        return {}
    try:
        tables = msgspec.toml.decode(file.read_bytes(), type=dict[str, dict[str, Any]])
    except OSError as error:
        raise SettingsError("{file} cannot be read: {problem}", file=file, problem=error.strerror) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError("{file} is no TOML of webhooks: {error}", file=file, error=error) from None
    return {name: _webhook(name, table, file) for name, table in tables.items()}


def _webhook(name: str, content: dict[str, Any], file: Path) -> Webhook:
    try:
        preset = content.get("preset", "")
        if preset and preset not in _PRESETS:
            raise SettingsError("preset must be one of {known}", known=", ".join(_PRESETS))
        table = msgspec.convert(_PRESETS.get(preset, {}) | content, _Table)
        return Webhook(
            name,
            _profile(table),
            _secret(table),
            table.signature,
            table.timestamp,
            table.signed == "body",
            table.tolerance_seconds,
            table.events_per_second,
            table.bytes_per_second,
        )
    except (GapwatchError, msgspec.ValidationError, OSError, ValueError, TypeError) as error:
        raise SettingsError("{file}, [{name}]: {error}", file=file, name=name, error=error) from None


def _profile(table: _Table) -> Profile:
    """The profile, with the ids and the choice of this webhook."""
    profile = load_profile(table.profile)
    ids = {"event_id": Joined(join=table.event_id, between="-")} if table.event_id else {}
    choice = [Rule(column=column, is_not=values) for column, values in table.only.items()]
    return msgspec.structs.replace(profile, columns=profile.columns | ids, skip=[*choice, *profile.skip])


def _secret(table: _Table) -> bytes:
    text = Path(table.secret_file).read_text(encoding="utf-8") if table.secret_file else table.secret
    secret = text.strip()
    if len(secret) < _SHORTEST_SECRET:
        raise SettingsError("secret, or secret_file, must hold {length} characters or more", length=_SHORTEST_SECRET)
    return secret.encode()


def _bytes_of(signature: str) -> bytes:
    """A signature in hexadecimal or base64, `sha256=` before it or not; empty for what is neither."""
    given = signature.strip().removeprefix("sha256=")
    try:
        return bytes.fromhex(given) if len(given) == 2 * hashlib.sha256().digest_size else base64.b64decode(given)
    except (ValueError, binascii.Error):
        return b""


def _objects(body: bytes) -> list[dict[str, Any]]:
    try:
        content = msgspec.json.decode(body, type=dict[str, Any] | list[dict[str, Any]])
    except RecursionError:
        raise too_deep() from None
    except msgspec.ValidationError:
        raise bad_body(Reason.NOT_OBJECT, "the body is no JSON object, nor an array of objects") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_body(Reason.NOT_JSON, str(error)) from None
    objects = content if isinstance(content, list) else [content]
    if any(_is_deep(one) for one in objects):
        raise too_deep()
    return objects


def _is_deep(value: Any) -> bool:
    """Whether values are nested deeper than events may be."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer)]
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def _not_signed(detail: str) -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, "signature", detail, headers={"WWW-Authenticate": "Signature"})
