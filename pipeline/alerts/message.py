"""The text of an alert, in plain text: what a customer or a product name holds is shown, never interpreted."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.pipeline.signals.series import GAP_MEASURES, Place
from gapwatch.pipeline.signals.suggestions import suggestions
from gapwatch.pipeline.signals.verdict import Signal, State
from gapwatch.pipeline.words.catalogue import Locale, Speaker, gettext_noop
from gapwatch.pipeline.words.names import CHANNELS, EVERYWHERE, MEASURES, PLACE_PARTS, PLACE_SEPARATOR, SEVERITIES

_QUOTE_LENGTH = 60
_NAME_LENGTH = 40  # a product name may have 500 characters
_TITLES: dict[State, str] = {
    "opened": gettext_noop("[{severity}] {measure} got worse: {place}"),
    "ongoing": gettext_noop("[{severity}] {measure} ongoing: {place}"),
    "escalated": gettext_noop("[{severity}] {measure} escalated: {place}"),
    "recovered": gettext_noop("[{severity}] {measure} recovered: {place}"),
}


class Quote(NamedTuple):
    """What a customer wrote, masked; [start, end) are the characters that speak for the gap, equal where none do."""

    text: str
    start: int
    end: int
    channel: str
    at: datetime


class Message(NamedTuple):
    """A first line that says what happened where, and the rest."""

    title: str
    body: str


class Writer:
    """Writes alerts in one language. `dashboard_url`: where the links lead; without it there are none."""

    def __init__(self, locale: Locale, time_zone: str, dashboard_url: str | None) -> None:
        self._say = Speaker(locale)
        self._zone = ZoneInfo(time_zone)
        self._dashboard_url = dashboard_url

    def write(self, signal: Signal, quotes: Sequence[Quote]) -> Message:
        body = _template().render(
            say=self._say,
            signal=signal,
            now=_number(signal.gap_index),
            usual=_number(signal.expected_index),
            link=self._link(signal),
            suggestions=suggestions(signal.series.measure, self._say),
            quotes=quotes,
            time=self._time,
        )
        return Message(self._title(signal), body.strip())

    def _title(self, signal: Signal) -> str:
        return self._say(
            _TITLES[signal.state],
            severity=self._say(SEVERITIES[signal.severity]),
            measure=self._say(MEASURES[signal.series.measure]),
            place=where(signal.series.place, self._say),
        )

    def _time(self, instant: datetime) -> str:
        return instant.astimezone(self._zone).strftime("%m-%d %H:%M")

    def _link(self, signal: Signal) -> str:
        """The analysts' dashboard, on the gap and the place, from a day before the rise."""
        if not self._dashboard_url:
            return ""
        measure, place = signal.series
        page = "gapwatch-conversations" if measure == "response" else "gapwatch-fulfillment"
        chosen = {"channel": place.channel, "product": place.product_id, "region": place.region}
        if measure in GAP_MEASURES:
            chosen["gap"] = measure
        variables = {f"var-{name}": value for name, value in chosen.items() if value}
        times = {"from": milliseconds(signal.since) - 86_400_000, "to": milliseconds(signal.minute)}
        return f"{self._dashboard_url.rstrip('/')}/d/{page}?{urlencode(variables | times)}"


def where(place: Place, say: Speaker) -> str:
    """A place in words, on one line."""
    names = place._asdict()
    if place.channel in CHANNELS:
        names["channel"] = say(CHANNELS[place.channel])
    parts = [
        say(part, name=_one_line(names[field], _NAME_LENGTH)) for field, part in PLACE_PARTS.items() if names[field]
    ]
    return PLACE_SEPARATOR.join(parts) or say(EVERYWHERE)


def excerpt(quote: Quote) -> str:
    """The evidence in 【】 with what stands around it, on one line."""
    before = max(0, (_QUOTE_LENGTH - (quote.end - quote.start)) // 2)
    first = max(0, quote.start - before)
    last = min(len(quote.text), max(quote.end, first + _QUOTE_LENGTH))
    text = quote.text
    marked = text[first : quote.start] + "【" + text[quote.start : quote.end] + "】" + text[quote.end : last]
    shown = marked if quote.end > quote.start else text[first:last]
    return ("…" if first else "") + _one_line(shown, 3 * _QUOTE_LENGTH) + ("…" if last < len(text) else "")


def fitted(text: str, most_bytes: int) -> str:
    """The text, cut after a whole character so that its UTF-8 form has at most so many bytes."""
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    return encoded[: most_bytes - 3].decode(errors="ignore") + "…"


def _one_line(text: str, most: int) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _number(value: float) -> str:
    return f"{value:.1f}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("gapwatch.pipeline.alerts"),
        autoescape=False,  # noqa: S701 - plain text, sent as plain text
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(excerpt=excerpt, number=_number, measures=MEASURES, channels=CHANNELS)
    return environment.get_template("alert.txt.j2")
