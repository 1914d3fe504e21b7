"""What the product says to people: English stands in the code, Chinese in `locale/zh/LC_MESSAGES/gapwatch.po`.

A text is found for translation where it stands in a call of `say` or `message`, or, when it is said elsewhere, of
`gettext_noop`.
See docs/decisions/0068-one-catalogue-of-words.md.
"""

import gettext
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Locale = Literal["zh", "en"]

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "gapwatch"


def gettext_noop(text: str) -> str:
    """Mark a text that is said, and so translated, elsewhere."""
    return text


class Message(str):
    """A text in English that can be said again in another language, as the message of an error or a reject."""

    __slots__ = ("text", "values")
    text: str
    values: dict[str, object]


def message(text: str, /, **values: object) -> Message:
    """The text with its {placeholders} filled in."""
    made = Message(text.format(**values) if values else text)
    made.text, made.values = text, values
    return made


class Speaker(NamedTuple):
    """Says texts in one language."""

    locale: Locale

    def __call__(self, text: str, /, **values: object) -> str:
        """The text in the language of the speaker, its {placeholders} filled in when values are given."""
        said = _translations(self.locale).gettext(text) if text else ""  # of none, gettext tells of the catalogue
        return said.format(**values) if values else said

    def again(self, said: str) -> str:
        """A message, and those within it, in the language of the speaker; any other text as it is."""
        if not isinstance(said, Message):
            return said
        values = {name: self.again(value) if isinstance(value, str) else value for name, value in said.values.items()}
        return self(said.text, **values)


@cache
def _translations(locale: Locale) -> gettext.NullTranslations:
    if locale == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, FOLDER, [locale])
