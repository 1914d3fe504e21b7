"""How a recount counts each measure: column or expression of a view, and the formula over the events that stand.

The formulas are written anew, not taken from the derivation, or a fault of it would prove itself.
"""

from collections.abc import Iterable
from typing import get_args

from gapwatch.pipeline.language.reading import GAPS, Dimension, Stage

_SENTIMENTS = ("positive", "neutral", "negative")
_MOODS = ("mood_start", "mood_end", "mood_low")
_TIMES = {
    "first_response": "first_response_seconds",
    "resolution": "resolution_seconds",
    "longest_wait": "longest_wait_seconds",
}
_QUANTILES = "(0.01, 0.5, 0.9, 0.99)"
_LOWEST_MOOD = "ifNull(mood_lowest, 2)"  # a hash of a NULL is no hash


def _sum_of_thousandths(score: str, condition: str = "1") -> str:
    """As the derivation adds up: in thousandths, whatever the order of the events."""
    return f"ifNull(sumIf(toInt64(round({score} * 1000)), {condition}), 0) / 1000"


def _buckets(seconds: str) -> str:
    """How many times lie in each bucket; a factor of e is forty of them."""
    bucket = f"toUInt16(round(40 * log(greatest(assumeNotNull({seconds}) * 1000, 1))))"
    return f"sumMapIf(map({bucket}, toUInt32(1)), {seconds} IS NOT NULL)"


_KEPT = (
    "promised_at IS NOT NULL AND delivered_at IS NOT NULL AND assumeNotNull(delivered_at) <= assumeNotNull(promised_at)"
)
_BROKEN = (
    "promised_at IS NOT NULL "
    "AND if(delivered_at IS NULL, event_time, assumeNotNull(delivered_at)) > assumeNotNull(promised_at)"
)
_PRIMARY = "gap = primary_gap"

GAP_MEASURES = {
    "events": "count()",
    "primary_events": f"sum({_PRIMARY})",
    "customers": "uniq(customer_id)",
    **{word: f"sum(sentiment = '{word}')" for word in _SENTIMENTS},
    "sentiment_sum": _sum_of_thousandths("sentiment_score"),
    "severity_sum": _sum_of_thousandths("severity"),
    **{f"primary_{word}": f"sum(sentiment = '{word}' AND {_PRIMARY})" for word in _SENTIMENTS},
    "primary_sentiment_sum": _sum_of_thousandths("sentiment_score", _PRIMARY),
    "promises_kept": f"sum({_PRIMARY} AND {_KEPT})",
    "promises_broken": f"sum({_PRIMARY} AND {_BROKEN})",
}
"""Over a row for each event and gap that it voices."""

PLACE_MEASURES = {
    "voices": "count()",
    **{word: f"sum(sentiment = '{word}')" for word in _SENTIMENTS},
    "sentiment_sum": _sum_of_thousandths("sentiment_score"),
    "promises_kept": f"sum({_KEPT})",
    "promises_broken": f"sum({_BROKEN})",
    **{gap: f"sum(has(voiced, '{gap}'))" for gap in GAPS},
    **{f"{gap}_severity": _sum_of_thousandths("severity", f"has(voiced, '{gap}')") for gap in GAPS},
    **{
        f"{gap}_{column}s.{code}": f"sum(has(voiced, '{gap}') AND {column} = '{code}')"
        for gap in GAPS
        for column, codes in (("dimension", get_args(Dimension)), ("stage", get_args(Stage)))
        for code in codes
    },
}
"""Over a row for each event, whose gaps are `voiced`."""

CHAT_MEASURES = {
    "conversations": "count()",
    "answered": "sum(first_response_seconds IS NOT NULL)",
    "unanswered": "sum(unanswered)",
    "resolved": "sum(resolution_seconds IS NOT NULL)",
    "waited": "sum(longest_wait_seconds IS NOT NULL)",
    "moods": "sum(mood_start IS NOT NULL)",
    **{f"{time}_sum": _sum_of_thousandths(column) for time, column in _TIMES.items()},
    **{f"{mood}_sum": _sum_of_thousandths(mood) for mood in _MOODS},
    **{f"{time}_buckets": _buckets(column) for time, column in _TIMES.items()},
    _LOWEST_MOOD: "ifNull(min(mood_low), 2)",
}
"""Over a row for each conversation."""

CHAT_QUANTILES = {
    f"finalizeAggregation({time}_state)": f"quantilesDDIf{_QUANTILES}(assumeNotNull({column}), {column} IS NOT NULL)"
    for time, column in _TIMES.items()
}
"""Those of minutes, over a row for each conversation."""

MERGED_CHAT_QUANTILES = {
    f"finalizeAggregation({time}_state)": f"quantilesDDMerge{_QUANTILES}({time}_state)" for time in _TIMES
}
"""Those of days, over the rows of minutes."""


def added_up(measures: Iterable[str]) -> dict[str, str]:
    """The same measures, added up over the rows of a finer grain."""
    return {measure: _added_up(measure) for measure in measures}


def _added_up(measure: str) -> str:
    if measure.endswith("_buckets"):
        return f"sumMap({measure})"
    if measure == "customers":
        return "uniqMerge(customers_state)"
    if measure == _LOWEST_MOOD:
        return "ifNull(min(mood_lowest), 2)"
    if measure.endswith(("_sum", "_severity")):
        # Rows show thousandths as a fraction; their sum must not depend on the order.
        return f"toInt64(round(sum({measure}) * 1000)) / 1000"
    return f"sum({measure})"
