"""Kept machine code is used only where nobody else can have put it."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapwatch.pipeline.language.compiled import cache

STRANGER = 12_345
READING = """
from gapwatch.pipeline.language.masking.spans import MaskedText
from gapwatch.pipeline.language.reader import Reader
Reader().read([MaskedText("质量很差")])
"""
CLASSIFYING = """
from gapwatch.pipeline.language.models.sentiment import classify
print(classify(2.0, -2.0, 0)[1])
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that NUMBA_CACHE_DIR leads to, made by us."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.cache_directory.cache_clear()
    made = cache.cache_directory()
    assert made
    cache.cache_directory.cache_clear()
    yield made
    cache.cache_directory.cache_clear()


def give_to_stranger(path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    os.chown(path, STRANGER, STRANGER)


def test_what_is_ours_is_used(directory: Path) -> None:
    cache.write(directory / "code.o", b"code")
    assert cache.cache_directory() == directory
    assert cache.read(directory / "code.o") == b"code"


def test_a_directory_is_made_that_others_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new"))
    cache.cache_directory.cache_clear()
    before = os.umask(0)
    try:
        made = cache.cache_directory()
    finally:
        os.umask(before)
        cache.cache_directory.cache_clear()
    assert made
    assert made.stat().st_mode & 0o022 == 0


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_directory_that_others_may_write_is_refused(
    directory: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    directory.chmod(mode)
    assert cache.cache_directory() is None
    assert f"{directory} is not used, because it can be written by others" in caplog.text


def test_a_directory_of_another_user_is_refused(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    give_to_stranger(directory)
    assert cache.cache_directory() is None
    assert f"{directory} is not used, because it belongs to user {STRANGER}" in caplog.text


def test_a_link_in_place_of_the_directory_is_refused(directory: Path, tmp_path: Path) -> None:
    directory.rename(tmp_path / "elsewhere")
    directory.symlink_to(tmp_path / "elsewhere")
    assert cache.cache_directory() is None


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_is_refused(directory: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    file = directory / "code.o"
    cache.write(file, b"code")
    file.chmod(mode)
    assert cache.read(file) is None
    assert f"{file} is not used, because it can be written by others" in caplog.text


def test_a_file_of_another_user_is_refused(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = directory / "code.o"
    cache.write(file, b"code")
    give_to_stranger(file)
    assert cache.read(file) is None
    assert f"{file} is not used, because it belongs to user {STRANGER}" in caplog.text


def test_a_link_in_place_of_the_file_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "code.o").write_bytes(b"code")
    (directory / "code.o").symlink_to(tmp_path / "code.o")
    assert cache.read(directory / "code.o") is None


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    cache.write(tmp_path / "missing" / "code.o", b"code")
    assert cache.read(tmp_path / "missing" / "code.o") is None
    assert not caplog.text


@pytest.mark.slow
def test_a_reader_compiles_its_own_code_in_place_of_refused_code(directory: Path) -> None:
    directory.chmod(0o777)
    done = subprocess.run([sys.executable, "-c", READING], capture_output=True, text=True, check=True)
    assert done.stderr.count("is not used") == 1
    assert not list(directory.iterdir())


def test_a_function_is_compiled_without_refused_code(directory: Path) -> None:
    directory.chmod(0o777)
    done = subprocess.run([sys.executable, "-c", CLASSIFYING], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert done.stderr.count("is not used") == 1
    assert not list(directory.iterdir())
