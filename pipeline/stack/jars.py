"""Kafka's jars: fetched once through jgo into the Maven repository of the user, checked against `kafka.lock`."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import StackError

LOCK_FILE = Path(__file__).with_name("kafka.lock")
_HTTP_TIMEOUT_SECONDS = 60


class Jar(NamedTuple):
    """One line of the lock file: `group:artifact:version size sha256:digest`."""

    coordinate: str
    size: int
    sha256: str


def locked_jars() -> list[Jar]:
    """The jars that make up Kafka, in class path order."""
    lines = (line.split() for line in LOCK_FILE.read_text(encoding="ascii").splitlines())
    return [Jar(coordinate, int(size), digest.removeprefix("sha256:")) for coordinate, size, digest in lines]


def class_path(fallback: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """The class path of Kafka, downloading what is missing.

    `fallback` keeps the jars when the home directory cannot be written; `progress` is told bytes done and in all.
    Raises StackError when a jar cannot be fetched or is not the one that the lock file names.
    """
    jars = locked_jars()
    repository = _repository(fallback)
    total = sum(jar.size for jar in jars)
    paths: list[str] = []
    done = 0
    context = _maven(repository)
    for jar in jars:
        paths.append(str(_fetch(context, jar, repository)))
        done += jar.size
        if progress is not None:
            progress(done, total)
    return os.pathsep.join(paths)


def _repository(fallback: Path) -> Path:
    from jgo.constants import default_maven_repo  # noqa: PLC0415 - extra `local`

    try:
        repository = Path(default_maven_repo())
        repository.mkdir(parents=True, exist_ok=True)
        if os.access(repository, os.W_OK):
            return repository
    except (OSError, RuntimeError):  # RuntimeError: no home directory at all
        pass
    fallback.mkdir(parents=True, exist_ok=True)
    return fallback


def _maven(repository: Path) -> Any:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - extra `local`
    from jgo.maven import MavenContext  # noqa: PLC0415
    from jgo.maven._core import DEFAULT_REMOTE_REPOS  # noqa: PLC0415

    # Mirrors that the user named in jgo's own settings file are asked first.
    remote = {**GlobalSettings.load().repositories, **DEFAULT_REMOTE_REPOS}
    return MavenContext(repo_cache=repository, remote_repos=remote, timeout=_HTTP_TIMEOUT_SECONDS)


def _fetch(context: Any, jar: Jar, repository: Path) -> Path:
    from filelock import FileLock  # noqa: PLC0415 - extra `local`
    from requests import RequestException  # noqa: PLC0415 - comes with jgo

    group, artifact, version = jar.coordinate.split(":")
    target = context.project(group, artifact).at_version(version).artifact()
    path = Path(target.cached_path)
    if _intact(path, jar):
        return path
    with FileLock(repository / ".gapwatch.lock"):
        if not _intact(path, jar):
            path.unlink(missing_ok=True)  # cut off by an earlier failure: jgo would take it for complete
            try:
                target.resolve()
            except (RequestException, RuntimeError) as error:
                raise StackError(
                    f"cannot download {jar.coordinate}: {error}. Check the network and HTTPS_PROXY; "
                    f"a Maven repository with Kafka's jars can also be named by M2_REPO"
                ) from error
    if not _intact(path, jar):
        raise StackError(
            f"{path} is not the file that {LOCK_FILE.name} names (sha256 differs); remove it and try again"
        )
    return path


def _intact(path: Path, jar: Jar) -> bool:
    return path.is_file() and path.stat().st_size == jar.size and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
