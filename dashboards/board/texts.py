"""What the board says beside its panels."""

from gapwatch.pipeline.words.catalogue import Speaker, gettext_noop
from gapwatch.pipeline.words.names import NO_DATA

_TEXTS = {
    "title": gettext_noop("gapwatch service gaps"),
    "range": gettext_noop("Time range"),
    "1h": gettext_noop("Last hour"),
    "6h": gettext_noop("Last 6 hours"),
    "24h": gettext_noop("Last 24 hours"),
    "7d": gettext_noop("Last 7 days"),
    "14d": gettext_noop("Last 14 days"),
    "30d": gettext_noop("Last 30 days"),
    "90d": gettext_noop("Last 90 days"),
    "all": gettext_noop("All"),
    "updated": gettext_noop("Updated"),
    "refresh": gettext_noop("Refresh"),
    "failed": gettext_noop("Could not be read"),
    "loading": gettext_noop("Loading"),
    "no_data": NO_DATA,
    "quotation": gettext_noop("Words"),  # the name of the column that is shown as a paragraph
    "evidence": gettext_noop("Evidence"),  # the name of the column whose phrases are marked in it
}


def texts(say: Speaker) -> dict[str, str]:
    """The texts by the names that the page's template and script know."""
    return {name: say(text) for name, text in _TEXTS.items()}
