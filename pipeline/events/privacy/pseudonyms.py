"""Keyed hashes in place of personal identifiers, and the key they are made with.

The form is ‹id: and 24 letters›, 96 bits of HMAC-SHA256: letters alone, so that no rule takes a hash for a number.
Without the key nobody can tell whose hash it is by trying all telephone numbers, which a hash without one allows.
"""

import hmac
import os
import re
import secrets
from functools import lru_cache
from pathlib import Path

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.settings import settings

KEY_FILE = "identifiers.key"
"""In the data directory: the key that is made where the settings name none."""

_PSEUDONYM = re.compile("‹id:[a-p]{24}›")
_BYTES = 12
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_LEAST_CHARACTERS = 16


def pseudonym(person: str) -> str:
    """The hash of an identifier; one text has one hash, whichever field it stands in. Raises SettingsError."""
    digest = hmac.digest(_key(), person.encode("utf-8", "surrogatepass"), "sha256")
    return f"‹id:{digest[:_BYTES].hex().translate(_LETTERS)}›"


def is_pseudonym(text: str) -> bool:
    """Whether a text has the form of a hash; it is not hashed again."""
    return text.startswith("‹id:") and _PSEUDONYM.fullmatch(text) is not None


def require_key() -> bool:
    """Make sure that there is a key before the first event needs it; whether it is one that the settings do not name.

    Raises SettingsError.
    """
    _key()
    return settings().id_key is None and settings().id_key_file is None


def _key() -> bytes:
    in_force = settings()
    named = in_force.id_key.get_secret_value() if in_force.id_key else None
    return _read_key(named, in_force.id_key_file, in_force.data_dir)


@lru_cache(maxsize=8)
def _read_key(named: str | None, file: Path | None, data_dir: Path) -> bytes:
    if named is not None:
        return _checked(named, "GAPWATCH_ID_KEY")
    if file is not None:
        return _checked(_content(file), f"GAPWATCH_ID_KEY_FILE ({file})")
    kept = data_dir / KEY_FILE
    try:
        if not kept.exists():
            _make(kept)
    except OSError as error:
        raise SettingsError(
            "no key for identifiers: {file} cannot be written ({problem}); name a key in GAPWATCH_ID_KEY or "
            "GAPWATCH_ID_KEY_FILE, the same for all processes: openssl rand -hex 32 makes one",
            file=kept,
            problem=error.strerror,
        ) from None
    return _checked(_content(kept), str(kept))


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "the key for identifiers cannot be read from {file}: {error}", file=file, error=error
        ) from None


def _checked(key: str, origin: str) -> bytes:
    if len(key) < _LEAST_CHARACTERS:
        raise SettingsError(
            "{origin} holds fewer than {count} characters; openssl rand -hex 32 makes a key",
            origin=origin,
            count=_LEAST_CHARACTERS,
        )
    return key.encode()


def _make(file: Path) -> None:
    """A new key, readable by its owner only; of many processes that make one at once, one wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(secrets.token_hex(32) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(fresh, file)
        except FileExistsError:
            return  # another process was faster, and its key is the one
    finally:
        fresh.unlink(missing_ok=True)
