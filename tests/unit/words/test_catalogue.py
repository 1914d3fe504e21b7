"""Every word that is used exists in both languages, none is unused, and what is compiled is what translators wrote."""

import ast
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from gapwatch.pipeline.signals.series import MEASURES
from gapwatch.pipeline.signals.verdict import SEVERITIES, State
from gapwatch.pipeline.words import names, update
from gapwatch.pipeline.words.catalogue import Speaker
from gapwatch.schemas.events import Channel

HOW = "run: python -m gapwatch.pipeline.words.update, and translate what it lists"
PACKAGE = Path(update.__file__).parents[2]
CODE = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for room in update.ROOMS
    for path in sorted((PACKAGE / room).rglob("*.py"))
}
CATALOGUE = {str(message.id): message for message in update.read() if message.id}


def test_the_catalogue_holds_what_the_code_says_and_nothing_else():
    said = set(update.said())
    assert (said - CATALOGUE.keys(), CATALOGUE.keys() - said) == (set(), set()), HOW


def test_every_text_is_translated():
    assert [text for text, message in CATALOGUE.items() if not message.string or message.fuzzy] == []


def placeholders(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("text", [text for text in CATALOGUE if "{" in text and '{"' not in text])
def test_placeholders_agree(text):
    assert placeholders(text) == placeholders(CATALOGUE[text].string)


def test_what_is_compiled_is_current():
    assert update.MO.read_bytes() == update.compiled(update.read()), HOW


@pytest.mark.parametrize(
    ("codes", "called"),
    [
        (MEASURES, names.MEASURES),
        (get_args(Channel), names.CHANNELS),
        (SEVERITIES, names.SEVERITIES),
        (get_args(State), names.STATES),
    ],
)
def test_every_code_has_a_name(codes, called):
    assert set(codes) == set(called)


def test_a_text_is_said_in_the_language_asked_for():
    assert [Speaker(locale)("product “{name}”", name="{x}") for locale in ("zh", "en")] == [
        "产品“{x}”",
        "product “{x}”",
    ]


def test_nothing_stays_nothing():
    assert Speaker("zh")("") == ""


def test_every_error_of_ours_is_known_to_the_catalogue():
    made = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for tree in CODE.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    ours = {"GapwatchError"}
    while more := {name for name, bases in made.items() if bases & ours} - ours:
        ours |= more
    assert {name for name in ours if not name.startswith("_")} == set(update.ERRORS)


def test_no_error_is_made_of_a_text_that_cannot_be_translated():
    """A text with its values filled in is in no catalogue."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in CODE.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"say", "message", "gettext_noop", *update.ERRORS}
        if any(isinstance(text, ast.JoinedStr) for text in node.args[:1])
    ]
    assert found == []
