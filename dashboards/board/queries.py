"""What the board asks ClickHouse: the queries of the same dashboard JSON that Grafana reads."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from gapwatch.dashboards.build import dashboards
from gapwatch.dashboards.macros import ALL, View, expand
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.instants import from_milliseconds
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import ClickHouse
from gapwatch.pipeline.words.catalogue import Locale

_RELATIVE = re.compile(r"now-(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=3660)


class RequestError(GapwatchError):
    """A request names a dashboard, panel or time that there is not."""


class Table(NamedTuple):
    """Columns (name, ClickHouse type) and rows, ready for JSON."""

    columns: list[dict[str, str]]
    rows: list[list[Any]]


class Board:
    """The dashboards of one language over one ClickHouse."""

    def __init__(self, clickhouse: ClickHouse, locale: Locale) -> None:
        self._clickhouse = clickhouse
        self.locale = locale
        self.pages: dict[str, dict[str, Any]] = {page["uid"]: page for page in dashboards(locale, settings().time_zone)}

    def page(self, uid: str) -> dict[str, Any]:
        """The dashboard's JSON. Raises RequestError."""
        if uid not in self.pages:
            raise RequestError("there is no dashboard {uid}", uid=uid[:60])
        return self.pages[uid]

    def view(self, uid: str, asked: Mapping[str, Sequence[str]]) -> View:
        """What `from`, `to` and `var-*` of a request ask for; what is absent is the dashboard's default."""
        page = self.page(uid)
        start = parse_time(next(iter(asked.get("from", ())), page["time"]["from"]))
        end = parse_time(next(iter(asked.get("to", ())), page["time"]["to"]))
        if not timedelta(0) < end - start <= _LONGEST:
            raise RequestError("the time range ends before it starts, or is longer than ten years")
        variables = {
            variable["name"]: list(asked.get(f"var-{variable['name']}", ())) or _default(variable)
            for variable in page["templating"]["list"]
        }
        return View(start, end, variables)

    def panel(self, uid: str, number: int, view: View) -> list[Table]:
        """The results of a panel's queries. Raises RequestError."""
        panel = next((panel for panel in self.page(uid)["panels"] if panel["id"] == number), None)
        if panel is None:
            raise RequestError("dashboard {uid} has no panel {number}", uid=uid, number=number)
        return [self._table(expand(target["rawSql"], view)) for target in panel["targets"]]

    def annotations(self, uid: str, view: View) -> list[Table]:
        """The results of the dashboard's annotation queries."""
        queries = [annotation["target"]["rawSql"] for annotation in self.page(uid)["annotations"]["list"]]
        return [self._table(expand(query, view)) for query in queries]

    def options(self, uid: str) -> dict[str, list[dict[str, str]]]:
        """What can be chosen for each variable."""
        return {variable["name"]: self._options(variable) for variable in self.page(uid)["templating"]["list"]}

    def _options(self, variable: Mapping[str, Any]) -> list[dict[str, str]]:
        if variable["type"] == "custom":
            pairs = (option.partition(" : ") for option in variable["query"].split(", "))
            return [{"text": text, "value": value} for text, _, value in pairs]
        rows = self._clickhouse.execute(variable["query"])
        return [{"text": str(value), "value": str(value)} for (value,) in rows]

    def _table(self, sql: str) -> Table:
        rows, columns = self._clickhouse.execute(sql, with_column_types=True)
        return Table(
            [{"name": name, "type": kind} for name, kind in columns],
            [[_plain(value) for value in row] for row in rows],
        )


def parse_time(text: str) -> datetime:
    """`now`, `now-7d`, seconds since 1970 in milliseconds, or RFC 3339. Raises RequestError."""
    if text == "now":
        return datetime.now(UTC)
    if match := _RELATIVE.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    try:
        return from_milliseconds(int(text)) if text.isdigit() else _aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        raise RequestError("{text} is no time; use now-7d, milliseconds or RFC 3339", text=text[:40]) from None


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _default(variable: Mapping[str, Any]) -> list[str]:
    current = variable.get("current", {}).get("value") or ALL
    return [current] if isinstance(current, str) else list(current)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not (float("-inf") < value < float("inf")):
        return None
    return value
