"""All alert rules in the groups in which Grafana evaluates them."""

from typing import Any

from gapwatch.dashboards import pipeline_alerts, signal_alerts
from gapwatch.pipeline.words.catalogue import Locale, Speaker

GROUPS = (signal_alerts.GROUP, pipeline_alerts.GROUP)
INTERVAL_SECONDS = 60


def alert_groups(locale: Locale, docs_url: str, time_zone: str) -> list[dict[str, Any]]:
    """Rule groups in the file form. `docs_url` stands before the path of each runbook."""
    say = Speaker(locale)
    return [
        _group(signal_alerts.GROUP, signal_alerts.rules(say, docs_url, time_zone)),
        _group(pipeline_alerts.GROUP, pipeline_alerts.rules(say, docs_url)),
    ]


def _group(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"orgId": 1, "name": name, "folder": "gapwatch", "interval": f"{INTERVAL_SECONDS}s", "rules": rules}
