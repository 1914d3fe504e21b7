"""Which grain of the aggregates a query reads: hours, and for a long range the days that lie in it whole.

Sums over a range are the same in either: a day that the range cuts, at its ends or where two periods meet, is read by
hours.
"""

from typing import NamedTuple

# The longest range of which conversations are read by minutes.
DAYS_BY_MINUTES = 2
# The longest range that is read by hours; beyond, a point of a chart is a day.
DAYS_BY_HOURS = 15

_SHORT = f"dateDiff('hour', $__fromTime, $__toTime) <= {24 * DAYS_BY_MINUTES}"
_PLACE = ("channel", "product_id", "region")
# Whether all products are on view, and all regions.
_ALL_PRODUCTS = "$__conditionalAll(1=0, $product)"
_ALL_REGIONS = "$__conditionalAll(1=0, $region)"
ALL_PLACES = f"({_ALL_PRODUCTS} AND {_ALL_REGIONS})"
_LONG = f"dateDiff('hour', $__fromTime, $__toTime) > {24 * DAYS_BY_HOURS}"


class _ChatDays(NamedTuple):
    """Days of conversations: a view, the dimensions it has, and when it is read."""

    view: str
    dimensions: tuple[str, ...]
    when: str

    @property
    def columns(self) -> str:
        """All but `day`, those of the place first; a dimension it lacks is empty."""
        place = (name if name in self.dimensions else f"toLowCardinality('') AS {name}" for name in _PLACE)
        return f"{', '.join(place)}, * EXCEPT (day, {', '.join(self.dimensions)})"


# Each is read when it has the fewest rows of those that can be filtered by what is chosen.
_CHAT_DAYS = (
    _ChatDays("chat_day", _PLACE, f"NOT {_ALL_PRODUCTS} AND NOT {_ALL_REGIONS}"),
    _ChatDays("chat_product_day", ("channel", "product_id"), f"NOT {_ALL_PRODUCTS} AND {_ALL_REGIONS}"),
    _ChatDays("chat_region_day", ("channel", "region"), f"{_ALL_PRODUCTS} AND NOT {_ALL_REGIONS}"),
    _ChatDays("chat_channel_day", ("channel",), ALL_PLACES),
)


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
        return f"(\n{self._hours('place', since)}\n    UNION ALL\n{self._days('place_day', since)}\n)"

    def conversations(self) -> str:
        """Conversations by place, of the range on view; those of a short range by minutes.

        The columns of `chat_minute`, and for `minute` the two times of `voices`. Days come from the view with the fewest rows
        that can be filtered by what is chosen; a product or region that it does not have is empty.
        """
        by_day = "\n    UNION ALL\n".join(
            f"{self._days(days.view, '$__fromTime', days.columns)} AND {days.when}" for days in _CHAT_DAYS
        )
        return f"""(
    SELECT minute AS at, at AS point, * EXCEPT (minute)
    FROM chat_minute
    WHERE {_SHORT} AND $__timeFilter(minute)
    UNION ALL
{self._hours("chat", "$__fromTime")} AND NOT ({_SHORT})
    UNION ALL
{by_day}
)"""

    def _hours(self, views: str, since: str) -> str:
        zone = self._zone
        return f"""    SELECT hour AS at, if({_LONG}, {self._midnight("hour")}, hour) AS point, * EXCEPT (hour)
    FROM {views}_hour
    WHERE hour >= {since} AND hour <= $__toTime AND (NOT ({_LONG}) OR toDate(hour, '{zone}') IN ({self._cut(since)}))"""

    def _days(self, view: str, since: str, columns: str = "* EXCEPT (day)") -> str:
        zone = self._zone
        return f"""    SELECT toTimeZone(toDateTime(day, '{zone}'), 'UTC') AS at, at AS point, {columns}
    FROM {view}
    WHERE {_LONG} AND day >= toDate({since}, '{zone}') AND day <= toDate($__toTime, '{zone}') AND day NOT IN ({self._cut(since)})"""

    def _cut(self, since: str) -> str:
        """The days that the range cuts."""
        instants = dict.fromkeys((since, "$__fromTime", "$__toTime"))
        return ", ".join(f"toDate({instant}, '{self._zone}')" for instant in instants)

    def _midnight(self, instant: str) -> str:
        return f"toTimeZone(toStartOfDay({instant}, '{self._zone}'), 'UTC')"
