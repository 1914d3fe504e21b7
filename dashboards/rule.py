"""What all alert rules share: a query, a threshold, a link, a runbook."""

from typing import Any

from gapwatch.dashboards.query import DATASOURCE_UID, ClickHouseQuery

SOURCE = "gapwatch"
"""Label `source` of every rule of ours."""
RUNBOOK = "docs/how-to/on-call.md"
# Grafana's own address ends in a slash or not, depending on its version.
LINK_ROOT = '{{ reReplaceAll "/+\\\\z" "" externalURL }}'


def conditions(sql: str, *, above: float) -> list[dict[str, Any]]:
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
