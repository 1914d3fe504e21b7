"""Which grain of the aggregates a query reads: hours, and for a long range the days that lie in it whole.

Sums over a range are the same in either: a day that the range cuts, at its ends or where two periods meet, is read by
hours.
"""

# The longest range of which conversations are read by minutes.
DAYS_BY_MINUTES = 2
# The longest range that is read by hours; beyond, a point of a chart is a day.
DAYS_BY_HOURS = 15

_SHORT = f"dateDiff('hour', $__fromTime, $__toTime) <= {24 * DAYS_BY_MINUTES}"
_LONG = f"dateDiff('hour', $__fromTime, $__toTime) > {24 * DAYS_BY_HOURS}"


class Grains:
    """Tables to select from. `time_zone`: whose calendar days the daily aggregates count."""

    def __init__(self, time_zone: str) -> None:
        self._zone = time_zone
        # Where the first point of a chart lies.
        self.start = f"if({_LONG}, {self._midnight('$__fromTime')}, $__fromTime)"

    def voices(self, since: str = "$__fromTime") -> str:
        """Voices by place, from `since` on, an instant at or before the start of the range, to the range's end.

        The columns of `place_hour`, but for `hour` two times: `at`, when a row's hour or day begins, and `point`,
        when the point of a chart begins that it belongs to. A row lies in the range or before it, never in both.
        """
        return f"(\n{self._hours_and_days('place', since)}\n)"

    def conversations(self) -> str:
        """Conversations by place, of the range on view; those of a short range by minutes.

        The columns of `chat_minute`, and for `minute` the two times of `voices`.
        """
        return f"""(
    SELECT minute AS at, at AS point, * EXCEPT (minute)
    FROM chat_minute
    WHERE {_SHORT} AND $__timeFilter(minute)
    UNION ALL
{self._hours_and_days("chat", "$__fromTime", f"NOT ({_SHORT})")}
)"""

    def _hours_and_days(self, views: str, since: str, condition: str = "1") -> str:
        zone = self._zone
        cut = ", ".join(
            f"toDate({instant}, '{zone}')" for instant in dict.fromkeys((since, "$__fromTime", "$__toTime"))
        )
        return f"""    SELECT hour AS at, if({_LONG}, {self._midnight("hour")}, hour) AS point, * EXCEPT (hour)
    FROM {views}_hour
    WHERE {condition} AND hour >= {since} AND hour <= $__toTime AND (NOT ({_LONG}) OR toDate(hour, '{zone}') IN ({cut}))
    UNION ALL
    SELECT toTimeZone(toDateTime(day, '{zone}'), 'UTC') AS at, at AS point, * EXCEPT (day)
    FROM {views}_day
    WHERE {_LONG} AND day >= toDate({since}, '{zone}') AND day <= toDate($__toTime, '{zone}') AND day NOT IN ({cut})"""

    def _midnight(self, instant: str) -> str:
        return f"toTimeZone(toStartOfDay({instant}, '{self._zone}'), 'UTC')"
