"""All dashboards and alert rules, as the files that Grafana provisions itself from."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from gapwatch.dashboards import notifications
from gapwatch.dashboards.alert_groups import alert_groups
from gapwatch.dashboards.conversations import conversations
from gapwatch.dashboards.drill_down import drill_down
from gapwatch.dashboards.operations import operations
from gapwatch.dashboards.overview import overview
from gapwatch.dashboards.query import DATASOURCE_TYPE, DATASOURCE_UID
from gapwatch.pipeline.words.catalogue import Locale, Speaker

PROVISIONING = Path(__file__).resolve().parent / "provisioning"
FOLDER_UID = "gapwatch"
FOLDER_TITLE = "gapwatch"
_MADE = "# Made by `gapwatch dashboards build`; changes here are lost.\n"
_PROVIDED_FROM = "/etc/grafana/provisioning/dashboards"  # where docker-compose.yml mounts them
_CLICKHOUSE = "clickhouse://gapwatch:${CLICKHOUSE_PASSWORD}@clickhouse:9000/gapwatch"  # Grafana fills the password in


def dashboards(locale: Locale, time_zone: str) -> list[dict[str, Any]]:
    """Grafana's JSON of each dashboard, in the order of their menu."""
    by_day = [page(locale, time_zone) for page in (overview, drill_down, conversations)]
    return [*by_day, operations(locale, time_zone)]


def files(locale: Locale, docs_url: str = "", time_zone: str = "Asia/Shanghai") -> dict[str, str]:
    """Path below `provisioning` and text of each file; the same each time."""
    made = {
        f"dashboards/{dashboard['uid']}.json": json.dumps(dashboard, ensure_ascii=False, indent=2, sort_keys=True)
        + "\n"
        for dashboard in dashboards(locale, time_zone)
    }
    contents = {
        "datasources/clickhouse.yaml": {"apiVersion": 1, "datasources": [datasource(_CLICKHOUSE)]},
        "dashboards/gapwatch.yaml": {"apiVersion": 1, "providers": [_provider(Speaker(locale))]},
        "alerting/rules.yaml": {"apiVersion": 1, "groups": alert_groups(locale, docs_url, time_zone)},
        "alerting/mute-timings.yaml": {"apiVersion": 1, "muteTimes": notifications.mute_timings(time_zone)},
        "alerting/contact-points.yaml": {"apiVersion": 1, "contactPoints": notifications.contact_points(locale)},
        "alerting/policies.yaml": {"apiVersion": 1, "policies": [notifications.policy_tree()]},
    }
    return made | {path: _MADE + _yaml(content) for path, content in contents.items()}


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write the files below a folder."""
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, str]:
    """The files that stand below a folder, in the form of `files`."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in {".json", ".yaml"}]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def datasource(clickhouse: str) -> dict[str, Any]:
    """Grafana's data source for a ClickHouse, by the URL at which Grafana reaches it."""
    url = urlsplit(clickhouse)
    secure = url.scheme == "clickhouses" or "secure=true" in url.query.lower()
    password = {"secureJsonData": {"password": unquote(url.password)}} if url.password else {}
    return {
        "name": "gapwatch ClickHouse",
        "uid": DATASOURCE_UID,
        "type": DATASOURCE_TYPE,
        "access": "proxy",
        "jsonData": {
            "host": url.hostname,
            "port": url.port or (9440 if secure else 9000),
            "protocol": "native",
            "username": unquote(url.username or "default"),
            "defaultDatabase": url.path.strip("/") or "gapwatch",
            "secure": secure,
        },
        **password,
    }


def _provider(say: Speaker) -> dict[str, Any]:
    return {
        "name": say("Service gaps"),
        "folder": FOLDER_TITLE,
        "folderUid": FOLDER_UID,
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "options": {"path": _PROVIDED_FROM},
    }


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000_000)
