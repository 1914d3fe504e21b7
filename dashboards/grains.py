"""Which grain of the aggregates a query reads: hours, and for a long range the days that lie in it whole.

Sums over a range are the same in either: a day that the range cuts, at its ends or where two periods meet, is read by
hours.
"""

# The longest range that is read by hours; beyond, a point of a chart is a day.
DAYS_BY_HOURS = 15

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
        zone = self._zone
        cut = ", ".join(f"toDate({instant}, '{zone}')" for instant in (since, "$__fromTime", "$__toTime"))
        return f"""(
    SELECT hour AS at, if({_LONG}, {self._midnight("hour")}, hour) AS point, * EXCEPT (hour)
    FROM place_hour
    WHERE hour >= {since} AND hour <= $__toTime AND (NOT ({_LONG}) OR toDate(hour, '{zone}') IN ({cut}))
    UNION ALL
    SELECT toTimeZone(toDateTime(day, '{zone}'), 'UTC') AS at, at AS point, * EXCEPT (day)
    FROM place_day
    WHERE {_LONG} AND day >= toDate({since}, '{zone}') AND day <= toDate($__toTime, '{zone}') AND day NOT IN ({cut})
)"""

    def _midnight(self, instant: str) -> str:
        return f"toTimeZone(toStartOfDay({instant}, '{self._zone}'), 'UTC')"
