"""What Grafana and its ClickHouse plugin make of a query before it is sent: macros and variables, for the board and tests.

Covers the macros that the dashboards use, by the plugin's own definitions (pkg/macros/macros.go and, for
$__conditionalAll, src/data/CHDatasource.ts). A macro or variable that is not known here is an error.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

ALL = "$__all"

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
_CALL = re.compile(r"\$__(timeFilter|timeInterval|conditionalAll)\(")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(?!__)([A-Za-z_]\w*)")


class MacroError(ValueError):
    """A query uses a macro or a variable that nothing defines."""


class View(NamedTuple):
    """What a reader looks at: a time range, and the chosen values of each variable ([ALL] for all)."""

    start: datetime
    end: datetime
    variables: Mapping[str, Sequence[str]]

    def step(self, points: int) -> timedelta:
        """The width of a point when about `points` fit on the panel."""
        least = (self.end - self.start).total_seconds() / max(points, 1)
        return timedelta(seconds=next((step for step in _STEPS if step >= least), _STEPS[-1]))


def expand(sql: str, view: View, points: int = 150) -> str:
    """The query as ClickHouse gets it. Raises MacroError."""
    macros = _expand_calls(sql, view, view.step(points))
    macros = macros.replace("$__fromTime", _instant(view.start)).replace("$__toTime", _instant(view.end))
    if "$__" in macros:
        raise MacroError(f"unknown macro in: {macros[macros.index('$__') :][:40]}")
    return _VARIABLE.sub(lambda match: _value(match, view), macros)


def _expand_calls(sql: str, view: View, step: timedelta) -> str:
    while match := _CALL.search(sql):
        end = _closing(sql, match.end())
        sql = sql[: match.start()] + _call(match.group(1), sql[match.end() : end], view, step) + sql[end + 1 :]
    return sql


def _closing(sql: str, position: int) -> int:
    depth = 1
    for index in range(position, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[index], 0)
        if depth == 0:
            return index
    raise MacroError(f"a macro is not closed: {sql[position:][:40]}")


def _call(name: str, argument: str, view: View, step: timedelta) -> str:
    if name == "timeFilter":
        return f"({argument} >= {_instant(view.start)} AND {argument} <= {_instant(view.end)})"
    if name == "timeInterval":
        return f"toStartOfInterval(toDateTime({argument}), INTERVAL {int(step.total_seconds())} second)"
    condition, _, variable = argument.rpartition(",")
    chosen = _chosen(variable.strip().lstrip("$"), view)
    return "1=1" if list(chosen) == [ALL] else condition.strip()


def _value(match: re.Match[str], view: View) -> str:
    name, form = match.group(1) or match.group(3), match.group(2)
    chosen = _chosen(name, view)
    if form == "singlequote":
        return ",".join(_quoted(value) for value in chosen)
    raise MacroError(f"variable {name} stands in a query without :singlequote")


def _chosen(name: str, view: View) -> Sequence[str]:
    if name not in view.variables:
        raise MacroError(f"unknown variable {name}")
    return view.variables[name]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _instant(at: datetime) -> str:
    return f"toDateTime({int(at.timestamp())})"
