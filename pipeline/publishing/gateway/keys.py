"""API keys: who may publish which events. The file holds a hash of each key, never the key."""

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from gapwatch.pipeline.errors import SettingsError, StackError
from gapwatch.pipeline.hosting.state_files import load, save
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.words.catalogue import message
from gapwatch.schemas.events import Channel, EventType

log = logger("gapwatch.gateway")

KEYS_FILE = "gateway-keys.json"
"""In the data directory, unless GAPWATCH_GATEWAY_KEYS names another file."""
_PREFIX = "gapwatch"
_NOBODY = hashlib.sha256(b"").hexdigest()


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What one key may do. `hash` is SHA-256: a key has 256 random bits, which no dictionary holds."""

    id: str
    name: str
    hash: str
    types: tuple[EventType, ...]
    channels: tuple[Channel, ...]
    created: datetime
    expires: datetime | None = None
    events_per_second: float | None = None
    bytes_per_second: float | None = None

    def valid(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires


class _Content(msgspec.Struct):
    keys: list[Key] = []


def keys_file() -> Path:
    """Where the keys are kept."""
    in_force = settings()
    return in_force.gateway_keys or in_force.data_dir / KEYS_FILE


class KeyFile:
    """The keys in a file, to be listed and changed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> list[Key]:
        """All keys, those that have expired included. Raises StackError where the file cannot be read."""
        found = load(self._file, _Content, message("make the keys again with: gapwatch gateway keys new"))
        return found.keys if found else []

    def new(
        self,
        name: str,
        types: tuple[EventType, ...],
        channels: tuple[Channel, ...],
        events_per_second: float | None = None,
        bytes_per_second: float | None = None,
    ) -> str:
        """Make a key and return it; it is kept nowhere. Raises SettingsError where a valid key has this name."""
        with self._changing() as keys:
            if _named(keys, name):
                raise SettingsError("there is a key {name} already; choose another name, or rotate it", name=name)
            made, key = _made(
                name=name,
                types=types,
                channels=channels,
                events_per_second=events_per_second,
                bytes_per_second=bytes_per_second,
            )
            keys.append(key)
        return made

    def rotate(self, name: str, overlap: timedelta) -> str:
        """Make a new key with the rights of the one that has this name, which stays valid for `overlap`.

        Raises SettingsError where there is none.
        """
        with self._changing() as keys:
            old = _existing(keys, name)
            made, key = _made(
                name=name,
                types=old.types,
                channels=old.channels,
                events_per_second=old.events_per_second,
                bytes_per_second=old.bytes_per_second,
            )
            _expire(keys, name, datetime.now(UTC) + overlap)
            keys.append(key)
        return made

    def revoke(self, name: str) -> None:
        """End all keys of this name. Raises SettingsError where there is none."""
        with self._changing() as keys:
            _existing(keys, name)
            _expire(keys, name, datetime.now(UTC))

    @contextmanager
    def _changing(self) -> Iterator[list[Key]]:
        """The keys, to be changed while nobody else changes them. Raises SettingsError where they cannot be written."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = self.read()
                yield keys
                save(self._file, _Content(keys))
            finally:
                os.close(lock)
        except OSError as error:
            raise SettingsError(
                "the keys in {file} cannot be written: {problem}", file=self._file, problem=error.strerror
            ) from None


class KeyRing:
    """The keys as the gateway asks for them: read again when the file has changed."""

    def __init__(self, file: Path) -> None:
        """Raises StackError where the file cannot be read."""
        self._file = KeyFile(file)
        self._path = file
        self._seen = self._mark()
        self._keys = {key.id: key for key in self._file.read()}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, given: str) -> Key | None:
        """The valid key that somebody gave. How long that takes tells nothing of other keys."""
        self._renew()
        _, _, rest = given.partition("_")
        id_, _, _ = rest.partition("_")
        key = self._keys.get(id_)
        same = hmac.compare_digest(_hash(given), key.hash if key else _NOBODY)
        return key if key and same and key.valid(datetime.now(UTC)) else None

    def _renew(self) -> None:
        """A file that is damaged changes nothing: the keys stay as they were, and the log tells."""
        mark = self._mark()
        if mark == self._seen:
            return
        self._seen = mark
        try:
            self._keys = {key.id: key for key in self._file.read()}
        except StackError as error:
            log.error("keys stay as they were", problem=str(error))  # noqa: TRY400 - one clear line
        else:
            log.info("keys were read again", keys=len(self._keys))

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


def _made(**rights: object) -> tuple[str, Key]:
    id_ = secrets.token_hex(6)
    given = f"{_PREFIX}_{id_}_{secrets.token_urlsafe(32)}"
    fields = {"id": id_, "hash": _hash(given), "created": datetime.now(UTC), **rights}
    return given, msgspec.convert(fields, Key)


def _hash(given: str) -> str:
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()


def _named(keys: list[Key], name: str) -> list[Key]:
    now = datetime.now(UTC)
    return [key for key in keys if key.name == name and key.valid(now)]


def _existing(keys: list[Key], name: str) -> Key:
    """The youngest valid key of a name."""
    found = _named(keys, name)
    if not found:
        raise SettingsError("there is no valid key {name}; see: gapwatch gateway keys list", name=name)
    return max(found, key=lambda key: key.created)


def _expire(keys: list[Key], name: str, when: datetime) -> None:
    for position, key in enumerate(keys):
        if key.name == name and (key.expires is None or key.expires > when):
            keys[position] = msgspec.structs.replace(key, expires=when)
