"""The files that Grafana provisions itself from, and everything in them that Grafana would refuse or misread."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner
from grafana_foundation_sdk.models.expr import TypeThreshold
from support.repository import ROOT

from gapwatch.commands.cli import gapwatch
from gapwatch.dashboards.build import PROVISIONING, files
from gapwatch.dashboards.notifications import policy_tree
from gapwatch.dashboards.provisioning_checks import Provisioning, problems, receivers_of
from gapwatch.pipeline.signals.suggestions import suggestions
from gapwatch.pipeline.words.catalogue import Speaker

FILES = files("zh")
GONE = object()


def test_checked_in_files_are_current():
    there = {
        str(path.relative_to(PROVISIONING)): path.read_text(encoding="utf-8")
        for path in PROVISIONING.rglob("*")
        if path.is_file()
    }
    assert there == files("zh"), "run: gapwatch dashboards build"


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_same_each_time(locale):
    assert files(locale) == files(locale)


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_nothing_that_grafana_would_refuse(locale):
    assert problems(files(locale), ROOT) == []


def spoilt(path, *keys, value):
    """The files with one value in one of them changed, or taken away (`value` GONE)."""
    texts = dict(FILES)
    content = yaml.safe_load(texts[path]) if path.endswith(".yaml") else json.loads(texts[path])
    place = content
    for key in keys[:-1]:
        place = place[key]
    if value is GONE:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    texts[path] = json.dumps(content)  # YAML holds JSON
    return texts


RULE = ("alerting/rules.yaml", "groups", 0, "rules", 0)
ROUTE = ("alerting/policies.yaml", "policies", 0, "routes", 0)
DINGTALK = ("alerting/contact-points.yaml", "contactPoints", 0, "receivers", 0)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((*RULE, "for"), "10 minutes", "does not match"),
        ((*RULE, "for"), "", "should be non-empty|does not match"),
        ((*RULE, "for"), "30s", "shorter than two evaluations"),
        (("alerting/rules.yaml", "groups", 0, "interval"), "15s", "multiple of 10"),
        ((*RULE, "uid"), "a" * 41, "does not match"),
        ((*RULE, "uid"), "gapwatch/x", "does not match"),
        ((*RULE, "uid"), "gapwatch-fulfillment-critical", "two of rule"),
        ((*RULE, "title"), "x" * 191, "too long"),
        ((*RULE, "execErrState"), "Ok", "is not one of"),
        ((*RULE, "folderUID"), "gapwatch", "Additional properties"),
        ((*RULE, "condition"), "C", "is no refId"),
        ((*RULE, "condition"), "A", "is no expression"),
        ((*RULE, "data", 1, "model", "expression"), "Z", "which is no query"),
        ((*RULE, "data", 1, "model", "type"), "treshold", "was expected"),
        ((*RULE, "data", 1, "model", "conditions", 0, "evaluator", "type"), "above", "not valid under any"),
        ((*RULE, "data", 1, "model", "conditions", 0, "evaluator", "params"), [1, 2], "not valid under any"),
        ((*RULE, "data", 0, "relativeTimeRange"), GONE, "required"),
        ((*RULE, "data", 0, "relativeTimeRange", "from"), 0, "empty time range"),
        ((*RULE, "data", 0, "datasourceUid"), "other", "not provisioned|two data sources"),
        ((*RULE, "data", 0, "model", "format"), 0, "was expected"),
        ((*RULE, "data", 0, "model", "rawSql"), "SELECT $__conditionalAll(1, $x)", "conditionalAll"),
        ((*RULE, "data", 0, "model", "rawSql"), "SELECT ${channel}", "a variable"),
        ((*RULE, "panelId"), GONE, "dependency"),
        ((*RULE, "panelId"), 99, "has no panel 99"),
        ((*RULE, "labels", "place"), "{{ $labels.place }}", "bare \\$"),
        ((*RULE, "labels", "source"), "other", "no policy of ours"),
        ((*RULE, "annotations", "summary"), "${x}", "bare \\$"),
        ((*RULE, "annotations", "runbook_url"), "docs/alerts.md#nowhere", "leads nowhere"),
        ((*RULE, "annotations", "summary"), "{{ .Labels.place", "not closed"),
        ((*RULE, "annotations", "summary"), "{{ if .Labels.place }}x", "not closed"),
        ((*DINGTALK, "settings", "message"), "{{ range .Alerts }}x", "not closed"),
        ((*ROUTE, "receiver"), "nobody", "receiver nobody does not exist"),
        ((*ROUTE, "group_internval"), "5m", "Additional properties"),
        ((*ROUTE, "routes", 0, "mute_time_intervals"), ["holidays"], "mute timing holidays"),
        ((*DINGTALK, "type"), "dingtalk", "is not one of"),
        ((*DINGTALK, "settings", "url"), "", "should be non-empty"),
        ((*DINGTALK, "settings", "url"), "https://x/$TOKEN", "none of GRAFANA_"),
        ((*DINGTALK, "settings", "secret"), "x", "Additional properties"),
        (("datasources/clickhouse.yaml", "datasources", 0, "uid"), "x", "no data source"),
        (("datasources/clickhouse.yaml", "datasources", 0, "secureJsonData", "password"), "x", "not taken from"),
        (("dashboards/gapwatch-overview.json", "panels", 0, "id"), 2, "two panels 2"),
        (("dashboards/gapwatch-overview.json", "panels", 0, "datasource", "uid"), "x", "x is used"),
        (("dashboards/gapwatch-overview.json", "links", 0, "url"), "/d/nowhere", "a link to nowhere"),
    ],
)  # fmt: skip
def test_what_grafana_would_refuse_or_misread_is_found(path, value, said):
    assert any(re.search(said, problem) for problem in problems(spoilt(*path, value=value), ROOT))


def test_a_file_that_is_no_yaml_is_named():
    assert problems({"alerting/rules.yaml": "a: ["})[0].startswith("alerting/rules.yaml: cannot be read")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"severity": "critical", "owner": "operations"}, ["gapwatch-webhook", "gapwatch-dingtalk"]),
        ({"severity": "warning", "owner": "care"}, ["gapwatch-wecom"]),
        ({"severity": "warning", "owner": "marketing"}, ["gapwatch-feishu"]),
        ({"severity": "notice", "owner": "operations"}, ["gapwatch-email"]),
        ({"severity": "critical", "owner": "platform"}, ["gapwatch-webhook", "gapwatch-email"]),
    ],
)
def test_who_is_told(labels, names):
    routes = receivers_of(policy_tree(), {"source": "gapwatch", **labels})
    assert [route["receiver"] for route in routes] == names
    muted = labels["severity"] != "critical"
    assert all(bool(route.get("mute_time_intervals")) == muted for route in routes)


def test_alerts_of_others_are_left_to_the_root():
    tree = policy_tree()
    assert receivers_of(tree, {"severity": "critical"}) == [tree]


def test_published_schema_takes_each_threshold():
    """The SDK's own type of the expression knows every key that is used."""
    for rule in Provisioning(FILES).rules:
        threshold = TypeThreshold.from_json(rule["data"][1]["model"])
        assert threshold.expression == "A"
        assert threshold.conditions[0].evaluator.type_val == "gt"


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_each_rule_says_what_where_and_what_to_do(locale):
    for rule in Provisioning(files(locale)).rules:
        said = rule["annotations"]
        assert rule["labels"].keys() == {"source", "severity", "gap", "owner"}
        assert "Values.A" in said["description"]
        if rule["labels"]["owner"] != "platform":
            assert "{{ .Labels.place }}" in said["summary"]
            assert "{{ .Labels.quotes }}" in said["description"]
            assert all(line in said["measures"] for line in suggestions(rule["labels"]["gap"], Speaker(locale)))


def test_compose_gives_grafana_every_secret_that_the_files_name():
    used = set(re.findall(r"\$\{([A-Z_]+)\}", "".join(FILES[path] for path in FILES if path.endswith(".yaml"))))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert used <= compose["services"]["grafana"]["environment"].keys()
    assert "./dashboards/provisioning:/etc/grafana/provisioning:ro" in compose["services"]["grafana"]["volumes"]


def test_the_commands_build_and_check(tmp_path):
    built = CliRunner().invoke(gapwatch, ["dashboards", "build", "--locale", "en", "--output", str(tmp_path)])
    assert built.output == f"10 files in {tmp_path}\n"
    assert "Service gaps at a glance" in (tmp_path / "dashboards/gapwatch-overview.json").read_text(encoding="utf-8")
    assert CliRunner().invoke(gapwatch, ["dashboards", "check", str(tmp_path)]).exit_code == 0
    rules = tmp_path / "alerting/rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("for: 1m", "for: 1 minute"), encoding="utf-8")
    checked = CliRunner().invoke(gapwatch, ["dashboards", "check", str(tmp_path)])
    assert "alerting/rules.yaml: groups/0/rules/0/for: '1 minute' does not match" in checked.output
    assert f"problems in {tmp_path}" in str(checked.exception)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "dashboards").write_text("in the way")
    built = CliRunner().invoke(gapwatch, ["dashboards", "build", "--output", str(tmp_path)])
    assert "name another with --output" in str(built.exception)
