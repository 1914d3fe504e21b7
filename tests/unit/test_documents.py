"""What the documents name exists: links, commands, settings, metrics, tables, topics, files and imports."""

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import pytest
from support.repository import ROOT

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.kafka.topics import ALL_TOPICS
from gapwatch.pipeline.publishing.gateway import metrics as gateway_metrics
from gapwatch.pipeline.settings import Settings
from gapwatch.pipeline.worker.metrics import CATALOGUE
from gapwatch.schemas.dead_letters import HEADERS

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
SOURCES = list((ROOT / "src" / "gapwatch").glob("*/**/*.py"))
REFERENCE = ROOT / "docs" / "reference"
README_WORDS = 900

_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# At the begin of a line, after a prompt, in a pipe, or behind a variable or another command's `--`.
_COMMAND = re.compile(r"(?:^|(?:[$|]|&&|--|\b[A-Z_]+=\S+) )gapwatch ([a-z-][^\n|#&;`)]*)", re.MULTILINE)
_SHELL = {"", "console", "sh", "bash", "text"}
_VARIABLE = re.compile(r"GAPWATCH_[A-Z0-9_]*[A-Z0-9_]")
_ROOMS = "agents|benchmarks|commands|dashboards|deploy|docs|examples|pipeline|requirements|schemas|src/gapwatch|tests"
_PATH = re.compile(rf"(?:{_ROOMS})/[\w./*-]+")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def prose(text: str) -> str:
    return _FENCE.sub("", text)


def code(text: str) -> Iterator[str]:
    """Code spans, and blocks in which commands may stand."""
    yield from _SPAN.findall(prose(text))
    yield from (block for language, block in _FENCE.findall(text) if language in _SHELL)


def anchors(document: Path) -> set[str]:
    """The fragments that GitHub gives the headings of a document."""
    found: list[str] = []
    for heading in _HEADING.findall(prose(text_of(document))):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


@each_document
def test_links_lead_somewhere(document):
    for target in _LINK.findall(prose(text_of(document))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        page = (document.parent / path).resolve() if path else document
        assert page.exists(), target
        if fragment:
            assert fragment in anchors(page), target


def test_the_way_of_an_event_is_as_long_as_the_architecture_says():
    told = text_of(ROOT / "docs" / "architecture.md")
    way = re.findall(r"^\| (\d+) \| `", told, flags=re.MULTILINE)
    event, minute = re.search(r"way of one event is (\d+) files, and that of its minute (\d+) more", told).groups()
    assert way == [str(number) for number in range(1, int(event) + int(minute) + 1)]
    tables = told.partition("## 1. ")[2].partition("## 8. ")[0]
    rows = re.findall(r"^\|.*`.*$", tables, flags=re.MULTILINE)
    assert [row for row in rows if not re.match(r"\| (\d+ )?\| `", row)] == []


@each_document
def test_somebody_links_to_it(document):
    linked = {
        (other.parent / target.partition("#")[0]).resolve()
        for other in DOCUMENTS
        for target in _LINK.findall(text_of(other))
        if other != document and not re.match(r"[a-z]+:", target)
    }
    assert document.name in {"README.md", "CHANGELOG.md"} or document in linked


@each_document
def test_commands_and_their_options_exist(document):
    for piece in code(text_of(document)):
        for arguments in _COMMAND.findall(piece):
            assert not wrong_part(arguments), f"gapwatch {arguments}: {wrong_part(arguments)}"


def wrong_part(arguments: str) -> str:
    """The command or option that does not exist, or nothing."""
    command: click.Command | None = gapwatch
    words = shlex.split(arguments.replace("'", "").replace('"', ""))
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.get_command(click.Context(command), name)
        if command is None:
            return name
    if command.name == "bench":
        return wrong_benchmark(words)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h", "--version", "-"}
    return next((word for word in words if word.startswith("-") and word.partition("=")[0] not in known), "")


def wrong_benchmark(words: list[str]) -> str:
    name, *options = words or ["path"]
    if name == "NAME":
        return ""
    path = ROOT / "benchmarks" / f"{name}.py"
    if not path.is_file():
        return name
    known = f"{text_of(path)} --help --"
    return next((word for word in options if word.startswith("--") and word.partition("=")[0] not in known), "")


@each_document
def test_variables_exist(document):
    defined = "\n".join(text_of(path) for path in (*SOURCES, ROOT / "tests/conftest.py", ROOT / "Makefile"))
    known = settings() | set(_VARIABLE.findall(defined)) | {"GAPWATCH_BROWSER_TESTS"}
    for name in _VARIABLE.findall(text_of(document)):
        exists = any(other.startswith(name) for other in known) if name.endswith("_") else name in known
        assert exists, name


def settings() -> set[str]:
    return {f"GAPWATCH_{field.upper()}" for field in Settings.model_fields}


@pytest.mark.parametrize("field", Settings.model_fields)
def test_each_setting_is_in_the_reference(field):
    setting = Settings.model_fields[field]
    row = f"| `GAPWATCH_{field.upper()}` | {setting.description} | {shown(setting.default)} |"
    assert row in text_of(REFERENCE / "settings.md")


def shown(default: object) -> str:
    if default is None:
        return "unset"
    if default in ("", {}):
        return "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@each_document
def test_metrics_exist(document):
    known = {f"{metric.name}{part}" for metric in CATALOGUE for part in ("", "_bucket", "_sum", "_count")}
    known |= set(re.findall(r"^# HELP (\S+)", gateway_metrics.Metrics().text().decode(), re.MULTILINE))
    for piece in code(text_of(document)):
        named = re.findall(r"\bgapwatch_[a-z_]+\b", piece)
        assert set(named) <= known


def test_tables_of_the_reference_exist():
    migrations = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "schemas/clickhouse").glob("*.sql"))
    made = set(re.findall(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW)(?: IF NOT EXISTS)? (?:\w+\.)?(\w+)", migrations))
    headings = " ".join(re.findall(r"^## (.*)$", text_of(REFERENCE / "tables.md"), re.MULTILINE))
    assert set(_SPAN.findall(headings)) <= made


@each_document
def test_topics_and_headers_exist(document):
    known = {*ALL_TOPICS, *HEADERS}
    for span in _SPAN.findall(prose(text_of(document))):
        # ClickHouse has a table system.events, and the settings a file gapwatch.toml.
        if re.fullmatch(r"(?!system)[a-z]+\.events(\.dead-letter)?|gapwatch\.(?!toml)[a-z]+(-[a-z]+)*", span):
            assert span in known


@each_document
def test_files_exist(document):
    for span in _SPAN.findall(prose(text_of(document))):
        if (path := _PATH.fullmatch(span)) and "deploy/kubernetes/ours" not in span:
            assert list(ROOT.glob(path[0].rstrip("/"))), span


@each_document
def test_imports_work(document):
    for language, block in _FENCE.findall(text_of(document)):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gapwatch"):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def test_documents_that_the_code_names_exist():
    for path in (*SOURCES, ROOT / "pyproject.toml"):
        for named in re.findall(r"\bdocs/(?:decisions/\d{4}|[\w/-]+\.md\b)", text_of(path)):
            assert list(ROOT.glob(f"{named}*")), f"{path.name} names {named}"


def test_each_dependency_has_its_reason():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    asked = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    named = re.findall(r"[a-z0-9-]+", text_of(ROOT / "docs" / "dependencies.md"))
    assert {re.split(r"[^a-z0-9-]", package)[0] for package in asked} - {"gapwatch"} <= set(named)


def test_the_readme_is_short():
    assert len(text_of(ROOT / "README.md").split()) <= README_WORDS
