"""What Grafana would refuse, or take and misread, in the files it provisions itself from; found without a Grafana.

Grafana's published schemas describe its HTTP API, not these files, and let pass what stops it from starting: durations in
words, a condition that names no query, a receiver that nobody defined. See docs/decisions/0065-checked-without-a-grafana.md.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from gapwatch.dashboards.query import DATASOURCE_TYPE, DATASOURCE_UID

_SCHEMA = json.loads(
    resources("gapwatch.dashboards").joinpath("alerting_files.schema.json").read_text(encoding="utf-8")
)
_DURATION = re.compile(r"(\d+)([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800, "y": 31_536_000}
_EVALUATION_STEP = 10  # seconds: Grafana's scheduler ticks so often

# Those of the plugin's pkg/macros/macros.go; its front end's macros and all variables are unknown to an alert.
BACKEND_MACROS = frozenset(
    [
        "timeFilter",
        "timeFilter_ms",
        "dateFilter",
        "dateTimeFilter",
        "dt",
        "timeFrom",
        "timeTo",
        "fromTime",
        "toTime",
        "fromTime_ms",
        "toTime_ms",
        "timeInterval",
        "timeInterval_ms",
        "timeGroup",
        "interval",
        "interval_ms",
        "interval_s",
        "table",
        "column",
        "columns",
        "rateColumns",
        "perSecondColumns",
        "increaseColumns",
        "lttb",
    ]
)
_MACRO = re.compile(r"\$__(\w+)")
_BARE_DOLLAR = re.compile(r"(?<!\$)\$(?!\$)")
_SECRET = re.compile(r"\$\{GRAFANA_[A-Z_]+\}")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

Files = Mapping[str, str]


class Provisioning:
    """The files, read."""

    def __init__(self, texts: Files) -> None:
        """Raises ValueError, naming the file, for what is no YAML or JSON."""
        self.dashboards = {
            path: _read(json.loads, path, text) for path, text in texts.items() if path.endswith(".json")
        }
        others = {path: _read(yaml.safe_load, path, text) for path, text in texts.items() if path.endswith(".yaml")}
        self.alerting = {path: content for path, content in others.items() if path.startswith("alerting/")}
        self.datasources = self._all(others, "datasources")
        self.groups = self._all(self.alerting, "groups")
        self.contact_points = self._all(self.alerting, "contactPoints")
        self.policies = self._all(self.alerting, "policies")
        self.mute_times = self._all(self.alerting, "muteTimes")

    @property
    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.groups for rule in group["rules"]]

    @staticmethod
    def _all(contents: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        return [one for content in contents.values() for one in content.get(key, [])]


def problems(texts: Files, docs: Path | None = None) -> list[str]:
    """What is wrong, a line each. `docs` is the repository, in which runbooks must be found."""
    try:
        read = Provisioning(texts)
    except ValueError as error:
        return [str(error)]
    found = list(_shapes(read))
    if not found:  # the other checks rely on the shape
        found = [problem for check in _CHECKS for problem in check(read)]
        found += _runbooks(read, docs) if docs else []
    return found


def _read(reader: Callable[[str], Any], path: str, text: str) -> Any:
    try:
        return reader(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None


def _shapes(read: Provisioning) -> Iterator[str]:
    validator = Draft202012Validator(_SCHEMA)
    for path, content in read.alerting.items():
        for error in validator.iter_errors(content):
            where = "/".join(str(part) for part in error.absolute_path)
            yield f"{path}: {where}: {error.message[-160:]}"


def _names(read: Provisioning) -> Iterator[str]:
    uids = {
        "rule": [rule["uid"] for rule in read.rules],
        "receiver": [receiver["uid"] for point in read.contact_points for receiver in point["receivers"]],
        "dashboard": [dashboard["uid"] for dashboard in read.dashboards.values()],
    }
    titles = [f"{group['folder']}/{rule['title']}" for group in read.groups for rule in group["rules"]]
    for kind, names in {**uids, "title": titles, "contact point": [one["name"] for one in read.contact_points]}.items():
        yield from (f"two of {kind} {name}" for name, count in Counter(names).items() if count > 1)
    for uid in uids["dashboard"]:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", uid):
            yield f"dashboard {uid}: no valid uid"


def _intervals(read: Provisioning) -> Iterator[str]:
    for group in read.groups:
        seconds = duration_seconds(group["interval"])
        if seconds == 0 or seconds % _EVALUATION_STEP:
            yield f"group {group['name']}: interval {group['interval']} is no multiple of {_EVALUATION_STEP} seconds"
        for rule in group["rules"]:
            if duration_seconds(rule["for"]) < seconds:
                yield f"rule {rule['uid']}: for {rule['for']} is shorter than two evaluations"


def duration_seconds(text: str) -> int:
    """Seconds of a duration such as 1h30m."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


def _graphs(read: Provisioning) -> Iterator[str]:
    for rule in read.rules:
        nodes = {node["refId"]: node for node in rule["data"]}
        if len(nodes) != len(rule["data"]):
            yield f"rule {rule['uid']}: a refId stands twice"
        if rule["condition"] not in nodes:
            yield f"rule {rule['uid']}: condition {rule['condition']} is no refId"
        elif nodes[rule["condition"]]["datasourceUid"] != "__expr__":
            yield f"rule {rule['uid']}: condition {rule['condition']} is no expression"
        for node in rule["data"]:
            yield from (f"rule {rule['uid']}: {problem}" for problem in _node(node, nodes))


def _node(node: dict[str, Any], nodes: Mapping[str, Any]) -> Iterator[str]:
    ref_id, model, span = node["refId"], node["model"], node["relativeTimeRange"]
    if model["refId"] != ref_id:
        yield f"node {ref_id} has a model of {model['refId']}"
    if model["datasource"].get("uid") != node["datasourceUid"]:
        yield f"node {ref_id} and its model name two data sources"
    if node["datasourceUid"] == "__expr__":
        source = nodes.get(model["expression"])
        if source is None or source["datasourceUid"] == "__expr__":
            yield f"expression {ref_id} reads {model['expression']}, which is no query"
    elif span["from"] <= span["to"]:
        yield f"query {ref_id} has an empty time range"


def _queries(read: Provisioning) -> Iterator[str]:
    for rule in read.rules:
        for node in rule["data"]:
            sql = node["model"].get("rawSql", "")
            unknown = set(_MACRO.findall(sql)) - BACKEND_MACROS
            if unknown:
                yield f"rule {rule['uid']}: macros that no alert has: {', '.join(sorted(unknown))}"
            if "$" in _MACRO.sub("", sql):
                yield f"rule {rule['uid']}: a variable; alerts have none"


def _datasources(read: Provisioning) -> Iterator[str]:
    known = {source["uid"]: source["type"] for source in read.datasources}
    if known.get(DATASOURCE_UID) != DATASOURCE_TYPE:
        yield f"no data source {DATASOURCE_UID} of type {DATASOURCE_TYPE}"
    for source in read.datasources:
        if not all(re.fullmatch(r"\$\{[A-Z_]+\}", secret) for secret in source.get("secureJsonData", {}).values()):
            yield f"data source {source['uid']}: a secret that is not taken from the environment"
    used = {node["datasourceUid"] for rule in read.rules for node in rule["data"]} - {"__expr__"}
    for dashboard in read.dashboards.values():
        used |= {uid for uid in _uids_of_datasources(dashboard) if uid != "-- Grafana --"}
    yield from (f"data source {uid} is used and not provisioned" for uid in sorted(used - known.keys()))


def _uids_of_datasources(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        source = node.get("datasource")
        if isinstance(source, dict) and "uid" in source:
            yield source["uid"]
        for value in node.values():
            yield from _uids_of_datasources(value)
    elif isinstance(node, list):
        for value in node:
            yield from _uids_of_datasources(value)


def _panels(read: Provisioning) -> Iterator[str]:
    panels = {
        dashboard["uid"]: [panel["id"] for panel in dashboard["panels"]] for dashboard in read.dashboards.values()
    }
    for uid, ids in panels.items():
        yield from (f"dashboard {uid}: two panels {one}" for one, count in Counter(ids).items() if count > 1)
    for rule in read.rules:
        if "panelId" in rule and rule["panelId"] not in panels.get(rule["dashboardUid"], []):
            yield f"rule {rule['uid']}: dashboard {rule['dashboardUid']} has no panel {rule['panelId']}"
    for dashboard in read.dashboards.values():
        for uid in re.findall(r"/d/([A-Za-z0-9_-]+)", json.dumps(dashboard)):
            if uid not in panels:
                yield f"dashboard {dashboard['uid']}: a link to {uid}, which does not exist"


def _dollars(read: Provisioning) -> Iterator[str]:
    """Grafana replaces $WORD in labels, titles and settings by its environment, and in some versions in annotations."""
    for rule in read.rules:
        for text in (rule["title"], *rule["labels"].values(), *rule["annotations"].values()):
            if _BARE_DOLLAR.search(text):
                yield f"rule {rule['uid']}: a bare $ in {text[:40]!r}; write $$, or .Labels for $labels"
    for point in read.contact_points:
        for receiver in point["receivers"]:
            text = json.dumps(receiver["settings"])
            if _BARE_DOLLAR.search(_SECRET.sub("", text)):
                yield f"contact point {point['name']}: a $ that is none of GRAFANA_*"


def _templates(read: Provisioning) -> Iterator[str]:
    """Grafana reads its templates only when it sends: a block that is not closed would lose the message."""
    texts = [(f"rule {rule['uid']}", text) for rule in read.rules for text in rule["annotations"].values()]
    for point in read.contact_points:
        texts += [(f"contact point {point['name']}", text) for one in point["receivers"] for text in _texts(one)]
    for where, text in texts:
        opened = len(re.findall(r"\{\{-? *(?:if|range|with|define) ", text))
        if text.count("{{") != text.count("}}") or opened != len(re.findall(r"\{\{-? *end *-?\}\}", text)):
            yield f"{where}: a template that is not closed: {text[:60]!r}"


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _texts(value)


def _receivers(read: Provisioning) -> Iterator[str]:
    points = {point["name"] for point in read.contact_points}
    times = {one["name"] for one in read.mute_times}
    for root in read.policies:
        for route in _routes(root):
            if route["receiver"] not in points:
                yield f"policy: receiver {route['receiver']} does not exist"
            yield from (
                f"policy: mute timing {name} does not exist"
                for name in route.get("mute_time_intervals", [])
                if name not in times
            )


def _routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for child in route.get("routes", []):
        yield from _routes(child)


def receivers_of(tree: dict[str, Any], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The routes that an alert with these labels takes through a policy tree whose matchers all are `=`."""
    for_children = []
    for child in tree.get("routes", []):
        if all(labels.get(name) == value for name, _, value in child["object_matchers"]):
            for_children += receivers_of(child, labels)
            if not child.get("continue"):
                break
    return for_children or [tree]


def _reached(read: Provisioning) -> Iterator[str]:
    for root in read.policies:
        for rule in read.rules:
            if root in receivers_of(root, rule["labels"]):
                yield f"rule {rule['uid']}: no policy of ours takes it"


def _runbooks(read: Provisioning, docs: Path) -> Iterator[str]:
    for rule in read.rules:
        path, _, anchor = rule["annotations"].get("runbook_url", "").partition("#")
        page = docs / path[path.find("docs/") :] if "docs/" in path else docs / "missing"
        headings = _HEADING.findall(page.read_text(encoding="utf-8")) if page.is_file() else []
        if anchor not in {_anchor(heading) for heading in headings}:
            yield f"rule {rule['uid']}: runbook {path}#{anchor} leads nowhere"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


_CHECKS = (_names, _intervals, _graphs, _queries, _datasources, _panels, _dollars, _templates, _receivers, _reached)
