"""Keyed hashes, and where their key comes from."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.events.privacy import pseudonyms
from gapwatch.pipeline.events.privacy.pseudonyms import KEY_FILE, is_pseudonym, pseudonym, require_key

KEY = "0123456789abcdef"


@pytest.fixture
def data_dir(settings_env, tmp_path):
    directory = tmp_path / "data"
    settings_env.setenv("GAPWATCH_DATA_DIR", str(directory))
    yield directory
    pseudonyms._read_key.cache_clear()


def test_the_form(data_dir):
    made = pseudonym("13812345678")
    assert is_pseudonym(made)
    assert len(made) == len("‹id:›") + 24
    assert not any(map(str.isdecimal, made))
    assert made == pseudonym("13812345678") != pseudonym("13812345679")


@pytest.mark.parametrize(
    "text", ["‹id:›", "‹电话›", "id:abc", "‹id:ABCDEFGHIJKLMNOPABCDEFGH›", "‹id:" + "a" * 25 + "›"]
)
def test_other_texts_are_no_hashes(text):
    assert not is_pseudonym(text)


def test_a_key_is_made_once_for_its_owner_alone(data_dir):
    assert require_key()
    file = data_dir / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = pseudonym("a")
    pseudonyms._read_key.cache_clear()
    assert pseudonym("a") == made
    assert [path.name for path in data_dir.iterdir()] == [KEY_FILE]


def test_of_many_that_make_a_key_one_wins(data_dir):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: pseudonyms._read_key.__wrapped__(None, None, data_dir), range(8)))) == 1


def test_the_key_of_the_settings(data_dir, settings_env, tmp_path):
    settings_env.setenv("GAPWATCH_ID_KEY", KEY)
    named = pseudonym("a")
    assert not require_key()
    assert not data_dir.exists()
    settings_env.delenv("GAPWATCH_ID_KEY")
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    settings_env.setenv("GAPWATCH_ID_KEY_FILE", str(file))
    pseudonyms.settings.cache_clear()
    assert pseudonym("a") == named


@pytest.mark.parametrize("key", ["short", "0123456789abcde"])
def test_a_short_key_is_refused_and_not_shown(data_dir, settings_env, key):
    settings_env.setenv("GAPWATCH_ID_KEY", key)
    with pytest.raises(SettingsError, match="GAPWATCH_ID_KEY holds fewer than 16") as error:
        require_key()
    assert key not in str(error.value)


def test_a_file_that_is_not_there_is_told(data_dir, settings_env):
    settings_env.setenv("GAPWATCH_ID_KEY_FILE", "/nowhere/key")
    with pytest.raises(SettingsError, match="/nowhere/key"):
        require_key()


def test_a_directory_that_cannot_be_written_is_told(data_dir):
    data_dir.write_text("a file")
    with pytest.raises(SettingsError, match="GAPWATCH_ID_KEY"):
        require_key()
