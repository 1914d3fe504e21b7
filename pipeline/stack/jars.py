"""Kafka's jars: fetched once through jgo into the user's Maven repository, each checked against `kafka.lock`."""

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gapwatch.pipeline.errors import StackError

LOCK_FILE = Path(__file__).with_name("kafka.lock")
_HTTP_TIMEOUT_SECONDS = 60
_PIP_OPTIONS = {"proxy": ("https_proxy", "HTTPS_PROXY"), "cert": ("REQUESTS_CA_BUNDLE",)}


class Jar(NamedTuple):
    """One line of the lock file: `group:artifact:version bytes sha256:digest`."""

    coordinate: str
    size: int
    sha256: str

    def path(self, repository: Path) -> Path:
        """Where a Maven repository keeps it."""
        group, artifact, version = self.coordinate.split(":")
        return repository.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.jar")


def locked_jars() -> list[Jar]:
    """The jars that make up Kafka, in class path order."""
    lines = (line.split() for line in LOCK_FILE.read_text(encoding="ascii").splitlines())
    return [Jar(coordinate, int(size), digest.removeprefix("sha256:")) for coordinate, size, digest in lines]


def class_path(
    fallback: Path, progress: Callable[[int, int], None] | None = None, jars: Sequence[Jar] | None = None
) -> str:
    """The class path of these jars, Kafka's unless some are named, after downloading what is missing.

    `fallback` keeps the jars when the home directory cannot be written. `progress` is told bytes done and bytes in all,
    and only when there is something to download.
    Raises StackError when a jar cannot be fetched or is not the one that is named.
    """
    wanted = locked_jars() if jars is None else jars
    repository = _repository(fallback)
    missing = [jar for jar in wanted if not _intact(jar.path(repository), jar)]
    if missing:
        _fetch_all(missing, repository, progress)
    return os.pathsep.join(str(jar.path(repository)) for jar in wanted)


def _repository(fallback: Path) -> Path:
    """M2_REPO, else ~/.m2/repository as Maven and jgo have it, else `fallback`."""
    try:
        repository = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
        repository.mkdir(parents=True, exist_ok=True)
        if os.access(repository, os.W_OK):
            return repository
    except (OSError, RuntimeError):  # RuntimeError: the user has no home directory
        pass
    fallback.mkdir(parents=True, exist_ok=True)
    return fallback


def _fetch_all(jars: list[Jar], repository: Path, progress: Callable[[int, int], None] | None) -> None:
    from filelock import FileLock  # noqa: PLC0415 - extra `local`

    maven = _maven(repository)
    total = sum(jar.size for jar in jars)
    done = 0
    # The lock: two stacks may start for the first time together.
    with _as_pip_reaches_the_network(), FileLock(repository / ".gapwatch.lock"):
        for jar in jars:
            _fetch(maven, jar, jar.path(repository))
            done += jar.size
            if progress is not None:
                progress(done, total)


@contextlib.contextmanager
def _as_pip_reaches_the_network() -> Iterator[None]:
    """The proxy and certificates that pip was told of hold for the jars too, unless the usual variables name others."""
    told = _pip_settings()
    added: dict[str, str] = {}
    for option, names in _PIP_OPTIONS.items():
        value = told.get(f":env:.{option}") or told.get(f"global.{option}")
        if value and not any(name in os.environ for name in names):
            added |= dict.fromkeys(names, value)
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _pip_settings() -> dict[str, str]:
    """What `pip config list` prints, from its files (global.proxy) and its variables (:env:.proxy)."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    pairs = (line.partition("=") for line in listed.splitlines())
    return {name: value.strip("'") for name, _, value in pairs}


def _maven(repository: Path) -> Any:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - extra `local`
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    # Mirrors that the user names in jgo's own settings file are asked first.
    remote = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    return MavenContext(repo_cache=repository, remote_repos=remote, timeout=_HTTP_TIMEOUT_SECONDS)


def _fetch(maven: Any, jar: Jar, path: Path) -> None:
    from requests import RequestException  # noqa: PLC0415 - comes with jgo

    if _intact(path, jar):
        return  # another process was faster
    path.unlink(missing_ok=True)  # cut off when an earlier download was killed: jgo would take it for complete
    group, artifact, version = jar.coordinate.split(":")
    try:
        maven.project(group, artifact).at_version(version).artifact().resolve()
    except (RequestException, RuntimeError) as error:
        raise StackError(
            "cannot download {coordinate}: {error}. Check the network and HTTPS_PROXY; M2_REPO may name a Maven "
            "repository that has Kafka's jars",
            coordinate=jar.coordinate,
            error=error,
        ) from error
    if not _intact(path, jar):
        path.unlink(missing_ok=True)
        raise StackError(
            "{coordinate} as downloaded is not the file that {name} names; try again later",
            coordinate=jar.coordinate,
            name=LOCK_FILE.name,
        )


def _intact(path: Path, jar: Jar) -> bool:
    return path.is_file() and path.stat().st_size == jar.size and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
