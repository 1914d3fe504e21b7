"""`gapwatch dashboards push` against a server that keeps Grafana's API contract."""

import copy
import json
import socket

import pytest
from click.testing import CliRunner
from support.grafana_server import TOKEN, GrafanaContract, serving

from gapwatch.commands.cli import gapwatch
from gapwatch.dashboards.grafana import Grafana, GrafanaError, GrafanaUnavailable
from gapwatch.dashboards.push import Wanted, changes
from gapwatch.pipeline.errors import GapwatchError, SettingsError

SECRET = "https://oapi.dingtalk.com/robot/send?access_token=hidden"  # noqa: S105 - no secret
PASSWORD = "pa ss:wörd"  # noqa: S105 - no secret
CONTACTS = {
    "dingtalk": SECRET,
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=hidden",
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/hidden",
    "email": "care@example.com;ops@example.com",
    "webhook": "https://hooks.example.com/hidden",
}
WANTED = Wanted("zh", "Asia/Shanghai", "", "clickhouse://reader:pa%20ss%3Aw%C3%B6rd@clickhouse:9000/gapwatch", CONTACTS)


@pytest.fixture
def server():
    with serving(GrafanaContract()) as contract:
        yield contract


@pytest.fixture
def grafana(server):
    return Grafana(server.url, TOKEN, timeout=1, pause=0)


def push(grafana, wanted=WANTED, **options):
    found = changes(grafana, wanted, **options)
    for change in found:
        change.apply()
    return [f"{change.action} {change.kind} {change.name}" for change in found]


def state(server):
    return copy.deepcopy({key: value for key, value in vars(server).items() if key not in {"calls", "fail"}})


def test_everything_is_made_and_then_nothing_changes(server, grafana):
    made = push(grafana)
    assert len(made) == 15
    assert all(line.startswith("create") for line in made)
    assert server.sources["gapwatch-clickhouse"]["secureJsonData"] == {"password": PASSWORD}
    assert len(server.dashboards) == 4
    assert {route["receiver"] for route in server.tree["routes"]} == {"gapwatch-email"}
    before, writes = state(server), len(server.writes)
    assert push(grafana) == []
    assert state(server) == before
    assert len(server.writes) == writes


def test_finding_changes_writes_nothing(server, grafana):
    assert changes(grafana, WANTED)
    assert server.writes == []


def test_what_somebody_changed_is_put_right_and_shown(server, grafana):
    push(grafana)
    server.dashboards["gapwatch-overview"]["dashboard"]["title"] = "mine"
    server.groups["gapwatch", "gapwatch-signals"]["rules"][0]["for"] = "1h"
    server.folders["gapwatch"]["title"] = "other"
    found = changes(grafana, WANTED)
    assert [(change.action, change.kind) for change in found] == [
        ("update", "folder"), ("update", "dashboard"), ("update", "rule group"),
    ]  # fmt: skip
    assert any('"mine"' in line and line.startswith("-") for line in found[1].diff)
    assert any('"1h"' in line for line in found[2].diff)
    for change in found:
        change.apply()
    assert changes(grafana, WANTED) == []


def test_what_others_made_is_left_alone(server, grafana):
    theirs = {"receiver": "ops", "object_matchers": [["team", "=", "a"]]}
    server.tree["routes"] = [theirs]
    server.dashboards["theirs"] = {
        "dashboard": {"uid": "theirs", "tags": ["gapwatch"]},
        "meta": {"folderUid": "x", "version": 1},
    }
    server.dashboards["hand-made"] = {"dashboard": {"uid": "hand-made", "tags": ["gapwatch"]}, "meta": {"folderUid": "gapwatch", "version": 1}}  # fmt: skip
    server.groups["gapwatch", "theirs"] = {
        "rules": [{"uid": "t", "folderUID": "gapwatch", "ruleGroup": "theirs", "labels": {}}]
    }
    push(grafana)
    assert server.tree["receiver"] == "ops"
    assert theirs in server.tree["routes"]
    assert {"theirs", "hand-made"} <= server.dashboards.keys()
    assert server.groups["gapwatch", "theirs"]["rules"]
    assert "default" in server.points


def test_what_we_made_and_want_no_more_goes(server, grafana):
    push(grafana)
    old = server.dashboards["gapwatch-overview"]
    server.dashboards["gapwatch-old"] = copy.deepcopy(old)
    server.groups["gapwatch", "gapwatch-old"] = {
        "rules": [
            {"uid": "old", "folderUID": "gapwatch", "ruleGroup": "gapwatch-old", "labels": {"source": "gapwatch"}}
        ]
    }
    fewer = {contact: CONTACTS[contact] for contact in ("dingtalk", "email")}
    done = push(grafana, WANTED._replace(contacts=fewer))
    assert "delete dashboard gapwatch-old" in done
    assert "delete rule old" in done
    assert {"delete contact point gapwatch-wecom", "delete contact point gapwatch-webhook"} <= set(done)
    assert set(server.points) == {"default", "gapwatch-dingtalk", "gapwatch-email"}
    assert push(grafana, WANTED._replace(contacts=fewer)) == []


def test_without_contacts_nobody_loses_the_alerts(server, grafana):
    push(grafana)
    points, tree = copy.deepcopy(server.points), copy.deepcopy(server.tree)
    assert push(grafana, WANTED._replace(contacts={})) == []
    assert (server.points, server.tree) == (points, tree)


def test_secrets_are_written_again_on_demand_and_never_shown(server, grafana):
    push(grafana)
    renewed = WANTED._replace(contacts=CONTACTS | {"dingtalk": SECRET + "2", "webhook": CONTACTS["webhook"] + "2"})
    assert push(grafana, renewed) == ["update contact point gapwatch-webhook"]  # Grafana shows this one
    found = changes(grafana, renewed, renew_secrets=True)
    shown = json.dumps([change.diff for change in found])
    assert "hidden" not in shown
    assert "wörd" not in shown
    for change in found:
        change.apply()
    assert server.points["gapwatch-dingtalk"]["settings"]["url"] == SECRET + "2"


def test_english_replaces_chinese(server, grafana):
    push(grafana)
    assert push(grafana, WANTED._replace(locale="en"))
    assert server.dashboards["gapwatch-overview"]["dashboard"]["title"] == "Service gaps at a glance"
    assert push(grafana, WANTED._replace(locale="en")) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "on demand"),
        (401, "does not know the token"),
        (403, "give it the role Admin"),
        (409, "gapwatch did not make this way"),
        (412, "push again"),
        (500, "answered 500"),
    ],
)
@pytest.mark.parametrize(
    "call", [("POST", "/datasources"), ("POST", "/dashboards/db"), ("PUT", "/policies"), ("PUT", "/rule-groups")]
)
def test_a_refusal_is_told_and_the_next_push_goes_on(server, grafana, call, status, said):
    server.fail[call] = status
    with pytest.raises(GrafanaError, match=said) as refused:
        push(grafana)
    assert call[1] in str(refused.value)
    server.fail.clear()
    push(grafana)
    assert push(grafana) == []


def test_a_failure_that_passes_is_tried_again(server, grafana):
    server.once = True
    server.fail = {("GET", "/folders"): 503, ("PUT", "/policies"): 500}
    assert len(push(grafana)) == 15


def test_a_grafana_that_hangs_is_given_up(server):
    server.fail["GET", "/folders"] = "hang"
    with pytest.raises(GrafanaUnavailable, match="did not answer"):
        changes(Grafana(server.url, TOKEN, timeout=0.1, pause=0), WANTED)


def test_a_page_that_is_no_grafana_is_told(server, grafana):
    server.fail["GET", "/health"] = "html"
    with pytest.raises(GrafanaError, match="is no Grafana"):
        grafana.require()


def test_the_wrong_path_is_told(server):
    with pytest.raises(GrafanaError, match="must lead to Grafana itself"):
        Grafana(f"{server.url}/grafana", TOKEN, pause=0).require()


def test_nothing_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(GrafanaUnavailable, match="cannot be reached"):
        Grafana(f"http://127.0.0.1:{port}", TOKEN, pause=0).require()


@pytest.mark.parametrize("url", ["grafana.example.com", "ftp://x", "http://"])
def test_an_address_that_is_none(url):
    with pytest.raises(SettingsError, match="GAPWATCH_GRAFANA_URL"):
        Grafana(url, TOKEN)


def test_too_old_or_without_the_plugin(server, grafana):
    grafana.require()
    server.plugins.clear()
    with pytest.raises(GrafanaError, match="plugins install grafana-clickhouse-datasource"):
        grafana.require()
    server.version = "11.6.1"
    with pytest.raises(GrafanaError, match=r"12\.0 or newer"):
        grafana.require()


@pytest.fixture
def command(server, settings_env):
    settings_env.setenv("GAPWATCH_GRAFANA_URL", server.url)
    settings_env.setenv("GAPWATCH_GRAFANA_TOKEN", TOKEN)
    settings_env.setenv("GAPWATCH_CLICKHOUSE", "clickhouse://gapwatch:s3cret@clickhouse:9000/gapwatch")
    settings_env.setenv("GAPWATCH_GRAFANA_CONTACTS", json.dumps(CONTACTS))
    return lambda *options: CliRunner().invoke(gapwatch, ["dashboards", "push", *options])


def test_the_command_shows_pushes_and_has_nothing_left(server, command):
    shown = command("--dry-run")
    assert shown.exit_code == 0, shown.output
    assert shown.output.endswith("15 changes to make\n")
    assert server.writes == []
    pushed = command()
    assert pushed.output.endswith("15 changes\n")
    assert command().output == "no changes\n"
    assert "s3cret" not in shown.output + pushed.output


def test_the_command_says_how_far_it_came(server, command):
    server.fail["POST", "/dashboards/db"] = 412
    failed = command()
    assert isinstance(failed.exception, GapwatchError)
    assert "2 changes were made, the next push makes the rest" in str(failed.exception)


def test_the_command_asks_for_address_and_token(settings_env):
    failed = CliRunner().invoke(gapwatch, ["dashboards", "push"])
    assert "GAPWATCH_GRAFANA_TOKEN" in str(failed.exception)
