"""The language that the command line speaks."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from gapwatch.commands import cli
from gapwatch.commands.cli import gapwatch, main
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


@pytest.mark.parametrize(
    ("value", "terminal", "spoken"),
    [
        (None, True, "zh"),
        (None, False, "en"),
        ("en", True, "en"),
        ("zh", False, "zh"),
        ("fr", True, "zh"),
        ("fr", False, "en"),
    ],
)
def test_people_are_told_in_chinese_and_scripts_in_english_unless_the_locale_is_set(
    speaks, monkeypatch, value, terminal, spoken
):
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: terminal))
    speaks(value)
    assert locale() == spoken


def test_an_error_is_told_in_the_language_of_the_command_line(speaks, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GAPWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["gapwatch", "signals", "run", "--once"])
    for value, told in (("en", "no Kafka and no ClickHouse: nothing runs in"), ("zh", "没有 Kafka 和 ClickHouse：")):
        speaks(value)
        with pytest.raises(SystemExit):
            main()
        assert told in capsys.readouterr().err


def test_an_analysis_names_codes_in_chinese_where_the_locale_is_chinese(speaks):
    text = "说好三天到，一个星期还没到，客服也不回复"
    speaks("zh")
    chinese = CliRunner().invoke(gapwatch, ["analyse", text]).output
    speaks("en")
    english = CliRunner().invoke(gapwatch, ["analyse", text]).output
    assert "实现差距 fulfillment" in chinese
    assert "严重度" in chinese
    assert "fulfillment (primary fulfillment" in english.replace(", communication", "") or "(primary " in english
    assert "实现差距" not in english


# Written as they are: names, codes and units, what rich and click take for markup, the keys of TOML and JSON.
AS_THEY_ARE = {
    "Kafka",
    "ClickHouse",
    "gapwatch",
    "UTC",
    "key",
    "value",
    "red",
    "green",
    "yellow",
    "bold",
    "dim",
    "GAPWATCH",
    "worker",
}
TOLD = ("echo", "secho", "print", "UsageError", "BadParameter", "ClickException", "fail", "add_column", "add_task")
TOLD_TOO = ("Table", "Panel", "TextColumn")
# For developers, in English: see docs/decisions/0068.
ENGLISH_ONLY = {"bench.py", "config.py"}


def literals(node):
    """Words that a call is given as they stand in the code."""
    if isinstance(node, ast.Call):
        return  # say("…"), or what somebody else makes
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from re.findall(r"[A-Za-z]{3,}", re.sub(r"\{[^}]*\}", "", node.value))
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FormattedValue):
            yield from literals(child)


@pytest.mark.parametrize("path", sorted(Path(cli.__file__).parent.rglob("*.py")), ids=lambda path: path.name)
def test_a_command_says_nothing_that_the_catalogue_does_not_know(path):
    if path.name in ENGLISH_ONLY:
        return
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
        if isinstance(node, ast.Call) and name in (*TOLD, *TOLD_TOO):
            titles = [word.value for word in node.keywords if word.arg in {"title", "description"}]
            for argument in (*node.args, *titles):
                found += [f"{node.lineno}: {word}" for word in literals(argument) if word not in AS_THEY_ARE]
    assert found == []


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
