"""A server that keeps Grafana's published API contract as far as the provisioner uses it, and breaks it on demand.

What it refuses, Grafana refuses: grafana/grafana, pkg/services/ngalert/api/tooling/definitions and pkg/api. Stricter in
one way: a key that Grafana would ignore is refused too.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

TOKEN = "glsa_test"  # noqa: S105 - no secret
PLUGIN = "grafana-clickhouse-datasource"
_UID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$"}
_TEXT = {"type": "string", "minLength": 1}
_DURATION = {"type": "string", "pattern": r"^(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "minLength": 2}
_WORDS = {"type": "object", "additionalProperties": {"type": "string"}}
_SECURE = {"dingding": {"url"}, "wecom": {"url", "secret"}, "webhook": {"password"}, "email": set()}
_REQUIRED = {"dingding": "url", "wecom": "url", "webhook": "url", "email": "addresses"}


def strict(required, **optional):
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


_RANGE = strict({"from": {"type": "integer"}, "to": {"type": "integer"}})
_QUERY = strict(
    {"refId": _TEXT, "relativeTimeRange": _RANGE, "datasourceUid": _TEXT, "model": {"type": "object"}},
    queryType={"type": "string"},
)
_RULE = strict(
    {
        "uid": _UID,
        "orgID": {"const": 1},
        "folderUID": _UID,
        "ruleGroup": {"type": "string", "minLength": 1, "maxLength": 190},
        "title": {"type": "string", "minLength": 1, "maxLength": 190},
        "condition": _TEXT,
        "data": {"type": "array", "minItems": 1, "items": _QUERY},
        "noDataState": {"enum": ["Alerting", "NoData", "OK", "KeepLast"]},
        "execErrState": {"enum": ["OK", "Alerting", "Error", "KeepLast"]},
        "for": _DURATION,
    },
    annotations=_WORDS,
    labels=_WORDS,
    isPaused={"type": "boolean"},
)
_GROUP = strict(
    {
        "title": _TEXT,
        "folderUid": _UID,
        "interval": {"type": "integer", "minimum": 10, "multipleOf": 10},
        "rules": {"type": "array", "minItems": 1, "items": _RULE},
    }
)
_POINT = strict(
    {"uid": _UID, "name": _TEXT, "type": {"enum": list(_SECURE)}, "settings": {"type": "object", "minProperties": 1}},
    disableResolveMessage={"type": "boolean"},
)
_MUTE = strict({"name": _TEXT, "time_intervals": {"type": "array", "minItems": 1, "items": {"type": "object"}}})
_SOURCE = strict(
    {"name": _TEXT, "type": _TEXT, "access": {"enum": ["proxy", "direct"]}},
    uid=_UID,
    jsonData={"type": "object"},
    secureJsonData=_WORDS,
)
_SAVE = strict(
    {"dashboard": {"type": "object", "required": ["title", "uid"], "properties": {"id": {"type": "null"}}}},
    folderUid=_UID,
    overwrite={"type": "boolean"},
    message={"type": "string"},
)
_FOLDER = strict({"title": _TEXT}, uid=_UID, overwrite={"type": "boolean"}, version={"type": "integer"})


class Refused(Exception):  # noqa: N818
    def __init__(self, status, message):
        self.status, self.message = status, message


def checked(schema, body):
    for error in Draft202012Validator(schema).iter_errors(body):
        where = "/".join(str(part) for part in error.absolute_path)
        raise Refused(400, f"{where}: {error.message[-150:]}")
    return body


class GrafanaContract:
    """The state, and `fail`: (method, part of the path) -> status, "hang", or "html"."""

    def __init__(self):
        self.version = "12.2.0"
        self.plugins = {PLUGIN}
        self.folders, self.sources, self.dashboards = {}, {}, {}
        self.points = {"default": {"uid": "default", "name": "ops", "type": "email", "settings": {"addresses": "a@b"}}}
        self.mutes, self.groups = {}, {}
        self.tree = {"receiver": "ops", "group_by": ["alertname"], "routes": [], "provenance": ""}
        self.fail, self.calls, self.url = {}, [], ""
        self.once = False

    @property
    def writes(self):
        return [call for call in self.calls if call[0] != "GET"]

    async def answer(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/api")
        self.calls.append((request.method, path))
        for (method, part), how in list(self.fail.items()):
            if method == request.method and part in path:
                if self.once:
                    del self.fail[method, part]
                return await self._broken(how, request)
        if path != "/health" and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "Unauthorized"}, 401)
        try:
            body = await request.json() if request.method in {"POST", "PUT"} else None
            return self._dispatch(request.method, path, body, request.query_params)
        except Refused as refused:
            return JSONResponse({"message": refused.message}, refused.status)

    @staticmethod
    async def _broken(how, request):
        if how == "hang":
            await _has_gone(request)
        if how == "html":
            return PlainTextResponse("<html>log in</html>")
        return JSONResponse({"message": "on demand"}, how if isinstance(how, int) else 200)

    def _dispatch(self, method, path, body, query):
        for pattern, name in _ROUTES:
            if match := re.fullmatch(pattern, path):
                handler = getattr(self, f"{method.lower()}_{name}", None)
                if handler:
                    result = handler(
                        *match.groups(),
                        *([body] if body is not None else []),
                        **({"query": query} if name == "search" else {}),
                    )
                    return Response(status_code=204) if method == "DELETE" and result is None else JSONResponse(result)
        raise Refused(404, "Not found")

    def get_health(self):
        return {"database": "ok", "version": self.version}

    def get_plugin(self, name):
        return {"id": name, "enabled": True} if name in self.plugins else self._missing()

    @staticmethod
    def _missing():
        raise Refused(404, "Not found")

    def _at(self, things, key):
        return things[key] if key in things else self._missing()

    def get_folder(self, uid):
        return self._at(self.folders, uid)

    def post_folders(self, body):
        checked(_FOLDER, body)
        if body["uid"] in self.folders:
            raise Refused(409, "a folder with the same uid exists")
        self.folders[body["uid"]] = {**body, "id": 1, "version": 1}
        return self.folders[body["uid"]]

    def put_folder(self, uid, body):
        checked(_FOLDER, body)
        if not body.get("overwrite") and "version" not in body:
            raise Refused(412, "the folder has been changed by someone else")
        self._at(self.folders, uid)["title"] = body["title"]
        return self.folders[uid]

    def get_source(self, uid):
        source = self._at(self.sources, uid)
        return {key: value for key, value in source.items() if key != "secureJsonData"} | {
            "secureJsonFields": dict.fromkeys(source.get("secureJsonData", {}), True), "id": 7, "orgId": 1, "version": 1,
        }  # fmt: skip

    def post_sources(self, body):
        checked(_SOURCE, body)
        if body["uid"] in self.sources or body["name"] in {one["name"] for one in self.sources.values()}:
            raise Refused(409, "data source with the same name already exists")
        self.sources[body["uid"]] = body
        return {"message": "Datasource added"}

    def put_source(self, uid, body):
        checked(_SOURCE, body)
        self._at(self.sources, uid)
        self.sources[uid] = body
        return {"message": "Datasource updated"}

    def get_dashboard(self, uid):
        return self._at(self.dashboards, uid)

    def delete_dashboard(self, uid):
        self._at(self.dashboards, uid)
        del self.dashboards[uid]
        return {"message": "Dashboard deleted"}

    def post_dashboards(self, body):
        checked(_SAVE, body)
        dashboard = body["dashboard"]
        if body.get("folderUid") not in self.folders:
            raise Refused(400, "folder not found")
        if dashboard["uid"] in self.dashboards and not body.get("overwrite"):
            raise Refused(412, "The dashboard has been changed by someone else")
        version = self.dashboards.get(dashboard["uid"], {"meta": {"version": 0}})["meta"]["version"] + 1
        self.dashboards[dashboard["uid"]] = {
            "dashboard": {**dashboard, "id": 5, "version": version},
            "meta": {"folderUid": body["folderUid"], "version": version},
        }
        return {"uid": dashboard["uid"], "status": "success"}

    def get_search(self, query):
        return [
            {"uid": uid, "folderUid": one["meta"]["folderUid"]}
            for uid, one in self.dashboards.items()
            if one["meta"]["folderUid"] == query["folderUIDs"] and query["tag"] in one["dashboard"].get("tags", [])
        ]

    def get_mutes(self):
        return list(self.mutes.values())

    def post_mutes(self, body):
        checked(_MUTE, body)
        if body["name"] in self.mutes:
            raise Refused(409, "mute timing exists")
        self.mutes[body["name"]] = {**body, "provenance": "api"}
        return body

    def put_mute(self, name, body):
        checked(_MUTE, body)
        self._at(self.mutes, name)
        self.mutes[name] = body
        return body

    def get_points(self):
        return [
            {
                **one,
                "settings": {k: "[REDACTED]" if k in _SECURE[one["type"]] else v for k, v in one["settings"].items()},
            }
            for one in self.points.values()
        ]

    def _point(self, body):
        checked(_POINT, body)
        if not body["settings"].get(_REQUIRED[body["type"]]):
            raise Refused(400, f"{body['type']}: {_REQUIRED[body['type']]} is missing")
        return body

    def post_points(self, body):
        if self._point(body)["uid"] in self.points:
            raise Refused(409, "receiver exists")
        self.points[body["uid"]] = {**body, "provenance": "api"}
        return body

    def put_point(self, uid, body):
        self._at(self.points, uid)
        self.points[uid] = self._point(body)
        return {"message": "contactpoint updated"}

    def delete_point(self, uid):
        if self._at(self.points, uid)["name"] in {route["receiver"] for route in _routes(self.tree)}:
            raise Refused(409, "contact point is in use by a notification policy")
        del self.points[uid]

    def get_policies(self):
        return self.tree

    def put_policies(self, body):
        if body.get("object_matchers") or body.get("mute_time_intervals") or body.get("continue"):
            raise Refused(400, "the root route must match everything")
        names = {one["name"] for one in self.points.values()}
        for route in _routes(body):
            if route["receiver"] not in names:
                raise Refused(400, f"receiver {route['receiver']} does not exist")
            if set(route.get("mute_time_intervals", [])) - self.mutes.keys():
                raise Refused(400, "mute time interval does not exist")
            for matcher in route.get("object_matchers", []):
                if len(matcher) != 3 or matcher[1] not in {"=", "!=", "=~", "!~"}:
                    raise Refused(400, "matcher")
        self.tree = {**body, "provenance": "api"}
        return {"message": "policies updated"}

    def get_rules(self):
        return [rule for group in self.groups.values() for rule in group["rules"]]

    def delete_rule(self, uid):
        for group in self.groups.values():
            group["rules"] = [rule for rule in group["rules"] if rule["uid"] != uid]

    def get_group(self, folder, name):
        return self._at(self.groups, (folder, name))

    def put_group(self, folder, name, body):
        checked(_GROUP, body)
        if folder not in self.folders:
            raise Refused(404, "folder not found")
        if (body["folderUid"], body["title"]) != (folder, name):
            raise Refused(400, "group and path differ")
        for rule in body["rules"]:
            nodes = {node["refId"] for node in rule["data"]}
            if rule["condition"] not in nodes or rule["ruleGroup"] != name or rule["folderUID"] != folder:
                raise Refused(400, f"invalid alert rule {rule['uid']}")
            for node in rule["data"]:
                span = node["relativeTimeRange"]
                if node["datasourceUid"] != "__expr__" and span["from"] <= span["to"]:
                    raise Refused(400, "invalid relative time range")
                if node["datasourceUid"] not in {"__expr__", *self.sources}:
                    raise Refused(400, "data source not found")
        if len({rule["title"] for rule in body["rules"]}) < len(body["rules"]):
            raise Refused(409, "rule title must be unique in its folder")
        rules = [{**rule, "id": 1, "updated": "2026-01-01T00:00:00Z", "provenance": "api"} for rule in body["rules"]]
        self.groups[folder, name] = {**body, "rules": rules}
        return self.groups[folder, name]


async def _has_gone(request: Request) -> None:
    """Wait until the client hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


_ROUTES = [
    (r"/health", "health"),
    (r"/plugins/([^/]+)/settings", "plugin"),
    (r"/folders", "folders"),
    (r"/folders/([^/]+)", "folder"),
    (r"/datasources", "sources"),
    (r"/datasources/uid/([^/]+)", "source"),
    (r"/dashboards/db", "dashboards"),
    (r"/dashboards/uid/([^/]+)", "dashboard"),
    (r"/search", "search"),
    (r"/v1/provisioning/mute-timings", "mutes"),
    (r"/v1/provisioning/mute-timings/([^/]+)", "mute"),
    (r"/v1/provisioning/contact-points", "points"),
    (r"/v1/provisioning/contact-points/([^/]+)", "point"),
    (r"/v1/provisioning/policies", "policies"),
    (r"/v1/provisioning/alert-rules", "rules"),
    (r"/v1/provisioning/alert-rules/([^/]+)", "rule"),
    (r"/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)", "group"),
]


def _routes(route):
    yield route
    for child in route.get("routes", []):
        yield from _routes(child)


@contextmanager
def serving(contract: GrafanaContract) -> Iterator[GrafanaContract]:
    """Serve on a free port of the loopback address until the end of the block."""
    app = Starlette(routes=[Route("/api/{path:path}", contract.answer, methods=["GET", "POST", "PUT", "DELETE"])])
    # asyncio sends at once, without waiting for the client to acknowledge, only where the protocol is named.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        contract.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.listen()
        thread.start()
        try:
            yield contract
        finally:
            server.should_exit = True
            thread.join()
