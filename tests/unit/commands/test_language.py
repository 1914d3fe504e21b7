"""The language that the command line speaks."""

import pytest
from click.testing import CliRunner

from gapwatch.commands.cli import gapwatch
from gapwatch.commands.language import locale, translated
from gapwatch.pipeline.settings import settings


@pytest.fixture
def speaks(monkeypatch):
    """Sets GAPWATCH_LOCALE, or takes it away."""

    def set_locale(value):
        if value is None:
            monkeypatch.delenv("GAPWATCH_LOCALE", raising=False)
        else:
            monkeypatch.setenv("GAPWATCH_LOCALE", value)
        settings.cache_clear()

    yield set_locale
    settings.cache_clear()


def told(*arguments):
    return CliRunner().invoke(translated(gapwatch), [*arguments, "--help"]).output


@pytest.mark.parametrize(("value", "spoken"), [(None, "en"), ("en", "en"), ("zh", "zh"), ("fr", "en")])
def test_the_command_line_is_english_unless_told_otherwise(speaks, value, spoken):
    speaks(value)
    assert locale() == spoken


def test_help_of_all_commands_is_told_in_chinese_where_the_locale_is_chinese(speaks):
    speaks("zh")
    assert "监视每个序列，发现变差的。" in told()
    assert "每条只重放一次，保留原来的时间。" in told("dead-letters", "replay")
    assert "示例：gapwatch dead-letters show" in told("dead-letters", "show")
    assert "最后检测的分钟（UTC）" in told("signals", "run")


def test_what_was_said_in_chinese_is_said_in_english_again(speaks):
    for value in ("zh", "en"):
        speaks(value)
        output = told("recount")
    assert "Compare the aggregates with an exact recount of the events" in output
    assert "Example: gapwatch recount" in output
