"""Files in which processes leave each other what they must know: small, whole or not there, their owner's alone."""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.words.catalogue import Message

Content = TypeVar("Content", bound=msgspec.Struct)


def load(file: Path, content: type[Content], remedy: Message) -> Content | None:
    """What the file holds, None where there is none.

    Raises StackError when it cannot be read; of one that is damaged, `remedy` says what to do.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=content)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StackError("{file} cannot be read: {problem}", file=file, problem=error.strerror) from None
    except msgspec.MsgspecError as error:
        raise StackError("{file} is damaged ({error}); {remedy}", file=file, error=error, remedy=remedy) from None


def save(file: Path, content: msgspec.Struct) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(msgspec.json.format(msgspec.json.encode(content)))
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(file)
