"""Kafka's jars against a Maven repository of this machine."""

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.stack import jars
from gapwatch.pipeline.stack.jars import class_path, locked_jars

_CONTENT = {"org.example:one:1.0": b"one", "org.example:two:2.0": b"two two"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[str]:
    """A repository that has the jars of `_CONTENT`."""
    root = tmp_path / "remote"
    for coordinate, content in _CONTENT.items():
        jar = jars.Jar(coordinate, 0, "").path(root)
        jar.parent.mkdir(parents=True)
        jar.write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, remote: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home whose jgo settings name the remote; Kafka is the two jars of `_CONTENT`."""
    lock = tmp_path / "kafka.lock"
    lines = (f"{name} {len(data)} sha256:{hashlib.sha256(data).hexdigest()}\n" for name, data in _CONTENT.items())
    lock.write_text("".join(lines), encoding="ascii")
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\nmirror = {remote}\n", encoding="ascii")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(jars, "LOCK_FILE", lock)
    monkeypatch.setattr("jgo.constants.MAVEN_CENTRAL_URL", remote)
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("M2_REPO", raising=False)
    return home


def contents(path: str) -> list[bytes]:
    return [Path(jar).read_bytes() for jar in path.split(os.pathsep)]


def test_jars_are_downloaded_once_into_an_empty_home(home: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    first = class_path(tmp_path / "fallback", lambda done, total: told.append((done, total)))
    assert contents(first) == list(_CONTENT.values())
    assert all(path.startswith(str(home)) for path in first.split(os.pathsep))
    assert told == [(3, 10), (10, 10)]

    told.clear()
    assert class_path(tmp_path / "fallback", lambda done, total: told.append((done, total))) == first
    assert told == []


def test_jar_that_was_cut_off_is_downloaded_again(home: Path, tmp_path: Path) -> None:
    jar = Path(class_path(tmp_path).split(os.pathsep)[1])
    jar.write_bytes(b"tw")
    assert contents(class_path(tmp_path)) == list(_CONTENT.values())


def test_repository_of_the_user_is_used(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path / "mine"))
    assert class_path(tmp_path / "fallback").startswith(str(tmp_path / "mine"))


def test_home_that_cannot_be_written_is_no_obstacle(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/nobody")
    assert class_path(tmp_path / "fallback").startswith(str(tmp_path / "fallback"))


def test_other_content_than_locked_is_refused(home: Path, tmp_path: Path) -> None:
    jar = jars.Jar("org.example:two:2.0", 0, "").path(tmp_path / "remote")
    jar.write_bytes(b"TWO TWO")
    with pytest.raises(StackError, match=r"org\.example:two:2\.0 as downloaded is not the file"):
        class_path(tmp_path)
    assert not jars.Jar("org.example:two:2.0", 0, "").path(home / ".m2" / "repository").exists()


def test_network_is_reached_as_pip_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "PIP_PROXY", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/mine.pem")
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nproxy = http://proxy:3128\ncert = /pip.pem\n", encoding="ascii")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))

    with jars._as_pip_reaches_the_network():
        assert os.environ["HTTPS_PROXY"] == "http://proxy:3128"
        assert os.environ["REQUESTS_CA_BUNDLE"] == "/mine.pem"
    assert "HTTPS_PROXY" not in os.environ


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", None])
def test_missing_network_is_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str | None
) -> None:
    if proxy is None:  # reachable, but without the jars
        jars.Jar("org.example:one:1.0", 0, "").path(tmp_path / "remote").unlink()
    else:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(StackError, match=r"cannot download org\.example:one:1\.0: .*HTTPS_PROXY"):
        class_path(tmp_path)


def test_lock_file_names_one_kafka() -> None:
    coordinates = [jar.coordinate.split(":") for jar in locked_jars()]
    assert len({artifact for _, artifact, _ in coordinates}) == len(coordinates)
    assert {version for group, _, version in coordinates if group == "org.apache.kafka"} == {"4.4.0"}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in locked_jars())
