"""Bring a Grafana to what the code says: what differs is found first, then changed, in an order that Grafana takes.

Everything of ours has a uid or name that begins with `gapwatch`, stands in the folder `gapwatch` or carries the label
`source=gapwatch`; nothing else is touched. Of the policy tree, which Grafana only takes as a whole, one branch is ours.
"""

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from gapwatch.dashboards import notifications
from gapwatch.dashboards.alert_groups import GROUPS, INTERVAL_SECONDS, alert_groups
from gapwatch.dashboards.alert_rule import SOURCE
from gapwatch.dashboards.build import FOLDER_TITLE, FOLDER_UID, dashboards, datasource
from gapwatch.dashboards.grafana import Grafana
from gapwatch.dashboards.notifications import Contact
from gapwatch.dashboards.query import DATASOURCE_UID
from gapwatch.pipeline.words.catalogue import Locale

Action = Literal["create", "update", "delete"]
_PREFIX = "gapwatch-"
_REDACTED = "[REDACTED]"  # what Grafana shows of a secret
_WITH_SECRETS, _SECRET_KEYS = {"data source", "contact point"}, {"url", "password"}
_PROVISIONING = "/v1/provisioning"


class Wanted(NamedTuple):
    """What Grafana is to hold. `clickhouse` is the URL by which Grafana reaches it; without contacts, people stay as they are."""

    locale: Locale
    time_zone: str
    docs_url: str
    clickhouse: str
    contacts: Mapping[Contact, str]


class Change(NamedTuple):
    """One difference. `diff` is for people, its secrets hidden."""

    action: Action
    kind: str
    name: str
    diff: Sequence[str]
    apply: Callable[[], None]


def changes(grafana: Grafana, wanted: Wanted, *, renew_secrets: bool = False) -> list[Change]:
    """What differs, in the order in which it must be changed; nothing is changed yet.

    Grafana does not show its secrets, so one that is there is taken to be right unless `renew_secrets`.
    Raises GrafanaError.
    """
    return list(_Plan(grafana, wanted, renew_secrets).changes())


class _Plan:
    def __init__(self, grafana: Grafana, wanted: Wanted, renew_secrets: bool) -> None:
        self._grafana = grafana
        self._wanted = wanted
        self._renew = renew_secrets

    def changes(self) -> Iterator[Change]:
        yield from self._folder()
        yield from self._datasource()
        yield from self._dashboards()
        if self._wanted.contacts:
            yield from self._mute_timings()
            yield from self._contact_points()
            yield from self._policies()
        yield from self._rule_groups()
        yield from self._stale_rules()
        yield from self._stale_dashboards()
        if self._wanted.contacts:
            yield from self._stale_contact_points()

    def _change(
        self, kind: str, name: str, wanted: Any, present: Any, *, create: Callable[[], None], update: Callable[[], None]
    ) -> Iterator[Change]:
        there = self._shown(wanted, present)
        if present is None:
            yield Change("create", kind, name, (), create)
        elif there != wanted:
            yield Change("update", kind, name, _diff(kind, there, wanted), update)

    def _shown(self, wanted: Any, present: Any) -> Any:
        """The part of `present` that `wanted` speaks of: Grafana adds fields of its own."""
        if present == _REDACTED and not self._renew:
            return wanted
        if isinstance(wanted, dict) and isinstance(present, dict):
            return {key: self._shown(value, present[key]) for key, value in wanted.items() if key in present}
        if isinstance(wanted, list) and isinstance(present, list) and len(wanted) == len(present):
            return [self._shown(one, other) for one, other in zip(wanted, present, strict=True)]
        return present

    def _folder(self) -> Iterator[Change]:
        path = f"/folders/{FOLDER_UID}"
        wanted = {"uid": FOLDER_UID, "title": FOLDER_TITLE}
        yield from self._change(
            "folder",
            FOLDER_UID,
            wanted,
            self._grafana.find(path),
            create=lambda: self._grafana.post("/folders", wanted),
            update=lambda: self._grafana.put(path, {"title": FOLDER_TITLE, "overwrite": True}),
        )

    def _datasource(self) -> Iterator[Change]:
        path = f"/datasources/uid/{DATASOURCE_UID}"
        wanted = datasource(self._wanted.clickhouse)
        present = self._grafana.find(path)
        if present is not None:
            known = {name: _REDACTED for name, is_set in present.get("secureJsonFields", {}).items() if is_set}
            present = {**present, "secureJsonData": known}
        yield from self._change(
            "data source",
            DATASOURCE_UID,
            wanted,
            present,
            create=lambda: self._grafana.post("/datasources", wanted),
            update=lambda: self._grafana.put(path, wanted),
        )

    def _dashboards(self) -> Iterator[Change]:
        for dashboard in dashboards(self._wanted.locale, self._wanted.time_zone):
            body = {"dashboard": dashboard, "folderUid": FOLDER_UID, "overwrite": True, "message": "gapwatch"}
            found = self._grafana.find(f"/dashboards/uid/{dashboard['uid']}")
            present = found and {"folderUid": found["meta"].get("folderUid", ""), "dashboard": found["dashboard"]}

            def save(body: dict[str, Any] = body) -> None:
                self._grafana.post("/dashboards/db", body)

            wanted = {"folderUid": FOLDER_UID, "dashboard": dashboard}
            yield from self._change("dashboard", dashboard["uid"], wanted, present, create=save, update=save)

    def _mute_timings(self) -> Iterator[Change]:
        timings = notifications.mute_timings(self._wanted.time_zone)
        wanted = {one["name"]: _without(one, "orgId") for one in timings}
        yield from self._named("mute timing", "mute-timings", "name", wanted)

    def _contact_points(self) -> Iterator[Change]:
        yield from self._named("contact point", "contact-points", "uid", self._points())

    def _points(self) -> dict[str, Any]:
        points = notifications.contact_points(self._wanted.locale, self._wanted.contacts)
        return {one["uid"]: {**one, "name": point["name"]} for point in points for one in point["receivers"]}

    def _named(self, kind: str, path: str, key: str, wanted: Mapping[str, Any]) -> Iterator[Change]:
        """Things of which Grafana lists all."""
        present = {one[key]: one for one in self._grafana.get(f"{_PROVISIONING}/{path}")}
        for name, body in wanted.items():

            def create(body: Any = body) -> None:
                self._grafana.post(f"{_PROVISIONING}/{path}", body)

            def update(body: Any = body, name: str = name) -> None:
                self._grafana.put(f"{_PROVISIONING}/{path}/{quote(name)}", body)

            yield from self._change(kind, name, body, present.get(name), create=create, update=update)

    def _policies(self) -> Iterator[Change]:
        path = f"{_PROVISIONING}/policies"
        ours = notifications.policy(tuple(self._wanted.contacts))
        tree = _without(self._grafana.get(path), "provenance")
        routes = tree.get("routes") or []
        present = next((one for one in routes if one.get("object_matchers") == ours["object_matchers"]), None)
        others = [one for one in routes if one is not present]

        def put() -> None:
            self._grafana.put(path, {**tree, "routes": [ours, *others]})

        yield from self._change("notification policy", f"source={SOURCE}", ours, present, create=put, update=put)

    def _rule_groups(self) -> Iterator[Change]:
        for group in alert_groups(self._wanted.locale, self._wanted.docs_url, self._wanted.time_zone):
            wanted = _group(group)
            path = f"{_PROVISIONING}/folder/{FOLDER_UID}/rule-groups/{group['name']}"

            def put(path: str = path, wanted: dict[str, Any] = wanted) -> None:
                self._grafana.put(path, wanted)

            yield from self._change(
                "rule group", group["name"], wanted, self._grafana.find(path), create=put, update=put
            )

    def _stale_rules(self) -> Iterator[Change]:
        """Of groups that are no more; within a group, Grafana replaces all rules."""
        for rule in self._grafana.get(f"{_PROVISIONING}/alert-rules"):
            ours = rule["folderUID"] == FOLDER_UID and rule.get("labels", {}).get("source") == SOURCE
            if ours and rule["ruleGroup"] not in GROUPS:
                yield self._deletion("rule", rule["uid"], f"{_PROVISIONING}/alert-rules/{rule['uid']}")

    def _stale_dashboards(self) -> Iterator[Change]:
        made = {dashboard["uid"] for dashboard in dashboards(self._wanted.locale, self._wanted.time_zone)}
        for found in self._grafana.get(f"/search?type=dash-db&tag=gapwatch&folderUIDs={FOLDER_UID}&limit=1000"):
            if found["uid"].startswith(_PREFIX) and found["uid"] not in made:
                yield self._deletion("dashboard", found["uid"], f"/dashboards/uid/{found['uid']}")

    def _stale_contact_points(self) -> Iterator[Change]:
        for found in self._grafana.get(f"{_PROVISIONING}/contact-points"):
            if found["uid"].startswith(_PREFIX) and found["uid"] not in self._points():
                yield self._deletion("contact point", found["uid"], f"{_PROVISIONING}/contact-points/{found['uid']}")

    def _deletion(self, kind: str, name: str, path: str) -> Change:
        return Change("delete", kind, name, (), lambda: self._grafana.delete(path))


def _group(group: dict[str, Any]) -> dict[str, Any]:
    """From the form of the files to that of the API, which names folders by uid and panels in annotations."""
    rules = [
        {
            **_without(rule, "dashboardUid", "panelId"),
            "orgID": 1,
            "folderUID": FOLDER_UID,
            "ruleGroup": group["name"],
            "annotations": {
                **rule["annotations"],
                "__dashboardUid__": rule["dashboardUid"],
                "__panelId__": str(rule["panelId"]),
            },
        }
        for rule in group["rules"]
    ]
    return {
        "title": group["name"],
        "folderUid": FOLDER_UID,
        "interval": INTERVAL_SECONDS,
        "rules": rules,
    }


def _without(content: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in keys}


def _diff(kind: str, present: Any, wanted: Any) -> list[str]:
    shown = (_hidden(present), _hidden(wanted)) if kind in _WITH_SECRETS else (present, wanted)
    before, after = (json.dumps(one, ensure_ascii=False, indent=1, sort_keys=True).splitlines() for one in shown)
    lines = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
    return [line for line in lines if not line.startswith("@@")]


def _hidden(node: Any) -> Any:
    """Secrets as a few digits of their digest, which tell that one changed and not what it is."""
    if isinstance(node, dict):
        return {
            key: f"secret {hashlib.sha256(value.encode()).hexdigest()[:6]}"
            if key in _SECRET_KEYS and isinstance(value, str)
            else _hidden(value)
            for key, value in node.items()
        }
    return [_hidden(one) for one in node] if isinstance(node, list) else node
