"""The text of an alert, in plain text: what a customer or a product name holds is shown, never interpreted."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from gapwatch.pipeline.signals.measures import (
    CHANNEL_NAMES,
    MEASURE_NAMES,
    SEVERITY_NAMES,
    STATE_NAMES,
    SUGGESTIONS,
    Locale,
)
from gapwatch.pipeline.signals.series import GAP_MEASURES, Place
from gapwatch.pipeline.signals.verdict import Companion, Signal

_QUOTE_LENGTH = 60
_NAME_LENGTH = 40  # a product name may have 500 characters
_PLACE_WORDS = {
    "zh": {"overall": "全部", "product_id": "商品“{}”", "channel": "渠道“{}”", "region": "地区“{}”", "join": " · "},
    "en": {
        "overall": "everywhere",
        "product_id": "product “{}”",
        "channel": "{}",
        "region": "region “{}”",
        "join": ", ",
    },
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
        self._locale = locale
        self._zone = ZoneInfo(time_zone)
        self._dashboard_url = dashboard_url

    def write(self, signal: Signal, quotes: Sequence[Quote]) -> Message:
        text = _template(self._locale).render(signal=signal, **self._words(signal, quotes))
        title, _, body = text.partition("\n")
        return Message(title, body.strip())

    def _words(self, signal: Signal, quotes: Sequence[Quote]) -> dict[str, Any]:
        locale = self._locale
        return {
            "severity": SEVERITY_NAMES[locale][signal.severity],
            "measure": MEASURE_NAMES[locale][signal.series.measure],
            "state": STATE_NAMES[locale][signal.state],
            "where": where(signal.series.place, locale),
            "now": f"{signal.gap_index:.1f}",
            "usual": f"{signal.expected_index:.1f}",
            "ratio": f"{signal.gap_index / signal.expected_index:.1f}" if signal.expected_index > 0.05 else "",
            "excess": f"{signal.excess:.0f}",
            "evidence": f"{signal.evidence:.1f}",
            "limit": f"{signal.limit:.1f}",
            "opened": self._time(signal.opened),
            "since": self._time(signal.since),
            "minute": self._time(signal.minute),
            "companions": [self._companion(one) for one in signal.companions],
            "suggestions": SUGGESTIONS[locale][signal.series.measure],
            "quotes": [self._quote(quote) for quote in quotes],
            "link": self._link(signal),
        }

    def _time(self, instant: datetime) -> str:
        return instant.astimezone(self._zone).strftime("%m-%d %H:%M")

    def _companion(self, one: Companion) -> dict[str, Any]:
        name = MEASURE_NAMES[self._locale][one.measure]
        return {"name": name, "ratio": f"{one.ratio:.1f}", "lead": one.lead_minutes}

    def _quote(self, quote: Quote) -> dict[str, str]:
        channel = CHANNEL_NAMES[self._locale].get(quote.channel, quote.channel)
        return {"text": excerpt(quote), "channel": channel, "at": self._time(quote.at)}

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
        times = {"from": _milliseconds(signal.since) - 86_400_000, "to": _milliseconds(signal.minute)}
        return f"{self._dashboard_url.rstrip('/')}/d/{page}?{urlencode(variables | times)}"


def where(place: Place, locale: Locale) -> str:
    """A place in words, on one line."""
    words = _PLACE_WORDS[locale]
    named = {**place._asdict(), "channel": CHANNEL_NAMES[locale].get(place.channel, place.channel)}
    parts = [words[field].format(_one_line(named[field], _NAME_LENGTH)) for field in _ORDER if named[field]]
    return words["join"].join(parts) or words["overall"]


_ORDER = ("product_id", "channel", "region")


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


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


@cache
def _template(locale: Locale) -> Template:
    environment = Environment(
        loader=PackageLoader("gapwatch.pipeline.alerts"),
        autoescape=False,  # noqa: S701 - plain text, sent as plain text
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(f"{locale}.txt.j2")
