"""What the product says to people: English stands in the code, Chinese in `locale/zh/LC_MESSAGES/gapwatch.po`.

A text is found for translation where it stands in a call of `say`, or, when it is said elsewhere, of `gettext_noop`.
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


class Speaker(NamedTuple):
    """Says texts in one language."""

    locale: Locale

    def __call__(self, text: str, /, **values: object) -> str:
        """The text in the language of the speaker, its {placeholders} filled in when values are given."""
        said = _translations(self.locale).gettext(text) if text else ""  # of none, gettext tells of the catalogue
        return said.format(**values) if values else said


@cache
def _translations(locale: Locale) -> gettext.NullTranslations:
    if locale == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, FOLDER, [locale])
