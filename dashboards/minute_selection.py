"""Which minutes of `events` a panel reads, so that it reads about as many rows of ten years as of a day.

Each is a condition on `minute`, the start of the key of the events. Where the aggregates tell which minutes hold what is
looked for, these are read and nothing is left out; where all events count alike, minutes at even distances stand for all.
"""

from gapwatch.dashboards.grains import ALL_PLACES, Grains
from gapwatch.dashboards.page import PLACE_FILTER

# Events that a sample reads, about; a range with fewer is read whole.
SAMPLED_EVENTS = 100_000
# Among how many stretches of minutes a sample is spread. They cost a little more than they hold: the index knows the
# place of every thousandth event.
_STRETCHES = 50


class MinuteSelection:
    """Conditions for the range on view. `time_zone`: whose calendar days the daily aggregates count."""

    def __init__(self, time_zone: str) -> None:
        self._zone = time_zone
        self._grains = Grains(time_zone)
        self._days = f"day >= toDate($__fromTime, '{time_zone}') AND day <= toDate($__toTime, '{time_zone}')"

    def newest(self, gap: str, of_gap: str, count: int) -> str:
        """The minutes of the newest `count` voices on a gap: its code, and its column of `place_hour`, both as SQL.

        The last hour is read in any case: what came just now may not be aggregated yet. It, like the last day, may go on
        after the end of the range, so its voices do not count towards `count`.
        """

        def enough(key: str, view: str, inside: str, last: str) -> str:
            return f"""
        SELECT {key} FROM (
            SELECT {key}, sum(if({key} = {last}, 0, voiced)) OVER (ORDER BY {key} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newer
            FROM (SELECT {key}, sum({of_gap}) AS voiced FROM {view} WHERE {inside} AND {PLACE_FILTER} GROUP BY {key} HAVING voiced > 0)
        ) WHERE newer < {count}"""

        days = enough("day", "place_day", self._days, f"toDate($__toTime, '{self._zone}')")
        hours = enough("hour", "place_hour", self._hours_in(days), "toStartOfHour($__toTime)")
        return f"""minute IN (
    SELECT minute FROM gap_minute
    WHERE (toStartOfHour(minute) IN ({hours}
        ) OR minute >= toStartOfHour($__toTime))
        AND minute >= toStartOfMinute($__fromTime) AND minute <= $__toTime AND gap = {gap} AND {PLACE_FILTER}
    GROUP BY minute ORDER BY minute DESC LIMIT {count + 1}
)"""

    def lowest_moods(self, count: int) -> str:
        """The minutes of the `count` conversations with the lowest mood, of those the newest.

        A day holds at least one of the mood that is its lowest, so these are in the `count` lowest days, and in those days in
        the lowest hours. Days, hours and minutes that the range cuts are read in any case.
        """

        def lowest(key: str, view: str, inside: str, ends: str) -> str:
            return f"""
        SELECT {key} FROM {view} WHERE {inside} AND {PLACE_FILTER}
        GROUP BY {key} ORDER BY {key} IN ({ends}) DESC, min(mood_lowest), {key} DESC LIMIT {count + 2}"""

        by_day = f"""(
            SELECT day, channel, product_id, region, mood_lowest FROM chat_day WHERE NOT {ALL_PLACES}
            UNION ALL
            SELECT day, channel, '', '', mood_lowest FROM chat_channel_day WHERE {ALL_PLACES}
        )"""
        days = lowest(
            "day", by_day, self._days, f"toDate($__fromTime, '{self._zone}'), toDate($__toTime, '{self._zone}')"
        )
        hours = lowest(
            "hour", "chat_hour", self._hours_in(days), "toStartOfHour($__fromTime), toStartOfHour($__toTime)"
        )
        minutes = lowest(
            "minute",
            "chat_minute",
            f"toStartOfHour(minute) IN ({hours}) AND minute >= toStartOfMinute($__fromTime) AND minute <= $__toTime",
            "toStartOfMinute($__fromTime), toStartOfMinute($__toTime)",
        )
        return f"minute IN ({minutes}\n)"

    def sample(self, since: str = "$__fromTime") -> str:
        """Some minutes of the time from `since` on to the range's end: all, while these hold few events."""
        voices = f"(SELECT sum(voices) FROM {self._grains.voices(since)})"
        span = f"dateDiff('minute', {since}, $__toTime)"
        whole = f"{voices} <= {SAMPLED_EVENTS}"
        # At 400,000 events a minute a stretch is one minute long, and there are fewer.
        busy = f"greatest({voices} / greatest({span}, 1), 1)"
        # An even number, so that two periods of equal length have equally many.
        stretches = f"(2 * greatest(least({_STRETCHES // 2}, toUInt32({SAMPLED_EVENTS} / {busy} / 2)), 1))"
        length = f"greatest(toUInt32({SAMPLED_EVENTS} / {busy} / {_STRETCHES}), 1)"
        return f"""({whole} OR minute IN (
    SELECT toStartOfMinute($__toTime) - toIntervalMinute(intDiv({span} * stretch, {stretches}) + arrayJoin(range({length})))
    FROM (SELECT arrayJoin(range({stretches})) AS stretch)
))"""

    def _hours_in(self, days: str) -> str:
        return f"toDate(hour, '{self._zone}') IN ({days}) AND hour >= toStartOfHour($__fromTime) AND hour <= $__toTime"
