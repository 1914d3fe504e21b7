"""One alert rule in the form that Grafana provisions from files: a query, a threshold, a link, a runbook."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from gapwatch.dashboards.query import DATASOURCE_UID, ClickHouseQuery

SOURCE = "gapwatch"
"""Label `source` of every rule of ours."""
RUNBOOK = "docs/how-to/on-call.md"
# Grafana's own address ends in a slash or not, depending on its version.
LINK_ROOT = '{{ reReplaceAll "/+\\\\z" "" externalURL }}'


WhenUnknown = Literal["Alerting", "KeepLast"]
"""What a rule says when its query fails or returns nothing."""


def alert_rule(
    uid: str,
    title: str,
    sql: str,
    *,
    above: float,
    panel: tuple[str, int],
    pending: str,
    no_data: WhenUnknown,
    on_error: WhenUnknown,
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """A rule that fires when the number of its query is above a threshold.

    `panel`: the dashboard and the number of the panel it is drawn beside. `pending`: for how long, such as 1m, it must be
    so first.
    """
    return {
        "uid": uid,
        "title": title,
        "condition": "B",
        "data": _conditions(sql, above),
        "dashboardUid": panel[0],
        "panelId": panel[1],
        "noDataState": no_data,
        "execErrState": on_error,
        "for": pending,
        "annotations": dict(annotations),
        "labels": {"source": SOURCE, **labels},
        "isPaused": False,
    }


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"· {line}" for line in lines)


def value(decimals: int) -> str:
    """Grafana's template of the number that a rule's query returned."""
    return f'{{{{ with .Values.A }}}}{{{{ printf "%.{decimals}f" .Value }}}}{{{{ end }}}}'


def _conditions(sql: str, above: float) -> list[dict[str, Any]]:
    """The query, and whether its number is above a threshold."""
    threshold = {
        "refId": "B",
        "type": "threshold",
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [above]}}],
    }
    return [
        _node("A", DATASOURCE_UID, ClickHouseQuery(sql, "table").to_json(), start=600),
        _node("B", "__expr__", threshold, start=0),
    ]


def _node(ref_id: str, datasource_uid: str, model: dict[str, Any], *, start: int) -> dict[str, Any]:
    return {
        "refId": ref_id,
        "relativeTimeRange": {"from": start, "to": 0},
        "datasourceUid": datasource_uid,
        "model": {**model, "intervalMs": 1000, "maxDataPoints": 43200},
    }
