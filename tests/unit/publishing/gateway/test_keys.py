"""API keys: hashed, limited, changed while they are in use."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from gapwatch.pipeline.errors import SettingsError, StackError
from gapwatch.pipeline.publishing.gateway.keys import KeyFile, KeyRing


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "keys.json"


def new(file: Path, name: str = "shop") -> str:
    return KeyFile(file).new(name, ("feedback",), ("app",))


def test_a_key_is_found_and_kept_as_a_hash_only(file: Path) -> None:
    given = new(file)
    found = KeyRing(file).find(given)
    assert found is not None
    assert (found.name, found.types, found.channels) == ("shop", ("feedback",), ("app",))
    assert given.split("_", 2)[2] not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("changed", ["", "x", "gapwatch__", "{}x", "\ud800", "gapwatch_{}"])
def test_another_is_not(file: Path, changed: str) -> None:
    given = new(file)
    assert KeyRing(file).find(changed.format(given)) is None


def test_a_ring_without_file_has_no_keys_until_one_is_made(file: Path) -> None:
    ring = KeyRing(file)
    given = new(file)
    assert ring.find(given) is not None
    file.unlink()
    assert ring.find(given) is None


def test_a_rotated_key_lives_on_for_a_while(file: Path) -> None:
    old = new(file)
    fresh = KeyFile(file).rotate("shop", timedelta(hours=1))
    ring = KeyRing(file)
    assert ring.find(old)
    assert ring.find(fresh)
    last = KeyFile(file).rotate("shop", timedelta())
    assert [ring.find(one) is not None for one in (old, fresh, last)] == [False, False, True]


def test_names_are_for_one_valid_key(file: Path) -> None:
    new(file)
    with pytest.raises(SettingsError, match="already"):
        new(file)
    KeyFile(file).revoke("shop")
    with pytest.raises(SettingsError, match="no valid key"):
        KeyFile(file).revoke("shop")
    new(file)


def test_a_damaged_file_stops_a_start_and_changes_nothing_for_who_runs(file: Path) -> None:
    given = new(file)
    ring = KeyRing(file)
    file.write_text("{")
    assert ring.find(given) is not None
    with pytest.raises(StackError, match="damaged"):
        KeyRing(file)


def test_keys_that_are_made_at_once_are_all_kept(file: Path) -> None:
    threads = [threading.Thread(target=new, args=(file, f"k{number}")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in KeyFile(file).read()} == {f"k{number}" for number in range(20)}
