"""Every word that is used exists in both languages, none is unused, and what is compiled is what translators wrote."""

from string import Formatter
from typing import get_args

import pytest

from gapwatch.pipeline.signals.series import MEASURES
from gapwatch.pipeline.signals.verdict import SEVERITIES, State
from gapwatch.pipeline.words import names, update
from gapwatch.pipeline.words.catalogue import Speaker
from gapwatch.schemas.events import Channel

HOW = "run: python -m gapwatch.pipeline.words.update, and translate what it lists"
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
