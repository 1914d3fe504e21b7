"""Settings from the environment and from a file: what is wrong is told in one line."""

import pytest

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.settings import CONFIG_VARIABLE, settings


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("GAPWATCH_PARTITIONS", "many", "GAPWATCH_PARTITIONS: .* valid integer"),
        ("GAPWATCH_TIME_ZONE", "Asia/Kathmandu", "GAPWATCH_TIME_ZONE: .* whole hours"),
        ("GAPWATCH_ALERT_TARGETS", '{"warning": [', "^GAPWATCH_ALERT_TARGETS is no JSON"),
        ("GAPWATCH_ALERT_TARGETS", '{"loud": []}', r"^GAPWATCH_ALERT_TARGETS, at loud\b"),
        ("GAPWATCH_ALERT_TARGETS", '{"warning": [7]}', r"^GAPWATCH_ALERT_TARGETS, at warning\.0: "),
    ],
)
def test_a_wrong_value_is_told_with_its_variable(settings_env, variable, value, told):
    settings_env.setenv(variable, value)
    with pytest.raises(SettingsError, match=told) as error:
        settings()
    assert "\n" not in str(error.value)


def test_empty_is_unset(settings_env):
    for name in ("GAPWATCH_KAFKA", "GAPWATCH_ALERT_TARGETS", "GAPWATCH_PARTITIONS"):
        settings_env.setenv(name, "")
    assert (settings().kafka, settings().alert_targets, settings().partitions) == (None, {}, 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = [", r"gapwatch\.toml is no TOML"),
        ('colour = "red"', r"gapwatch\.toml: colour is no setting"),
        ("partitions = 0", "PARTITIONS"),
    ],
)
def test_a_wrong_file_is_told(settings_env, tmp_path, text, told):
    file = tmp_path / "gapwatch.toml"
    file.write_text(text)
    settings_env.setenv(CONFIG_VARIABLE, str(file))
    with pytest.raises(SettingsError, match=told):
        settings()


def test_the_environment_wins_over_the_file(settings_env, tmp_path):
    file = tmp_path / "gapwatch.toml"
    file.write_text('partitions = 7\nlocale = "en"')
    settings_env.setenv(CONFIG_VARIABLE, str(file))
    settings_env.setenv("GAPWATCH_PARTITIONS", "9")
    assert (settings().partitions, settings().locale) == (9, "en")


def test_a_file_that_is_not_there_is_told(settings_env):
    settings_env.setenv(CONFIG_VARIABLE, "/nowhere.toml")
    with pytest.raises(SettingsError, match=r"/nowhere\.toml, which is no file"):
        settings()
