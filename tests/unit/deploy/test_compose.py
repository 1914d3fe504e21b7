"""The compose files as far as they can be checked without a Docker engine."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import yaml
from support.repository import ROOT

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.settings import CONFIG_VARIABLE, Settings

FILES = [ROOT / "docker-compose.yml", ROOT / "docker-compose.cluster.yml"]
TEXT = "".join(file.read_text(encoding="utf-8") for file in FILES)


def _merged(base: Any, over: Any, key: str = "") -> Any:
    """As Compose lays one file over another, as far as ours use it."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {
            name: _merged(base[name], value, name) if name in base else value for name, value in over.items()
        }
    if key == "volumes":
        return list({volume.split(":")[1]: volume for volume in [*base, *over]}.values())
    return [*base, *over] if isinstance(base, list) else over


ALONE, _OVER = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES)
CLUSTER = _merged(ALONE, _OVER)
BOTH = pytest.mark.parametrize("compose", [ALONE, CLUSTER], ids=["alone", "cluster"])
EACH = pytest.mark.parametrize(
    ("services", "name"),
    [
        pytest.param(compose["services"], name, id=f"{kind}-{name}")
        for kind, compose in (("alone", ALONE), ("cluster", CLUSTER))
        for name in compose["services"]
    ],
)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_every_variable_has_a_line_in_the_example():
    used = set(re.findall(r"\$\{([A-Z_0-9]+)", TEXT))
    named = set(re.findall(r"^([A-Z_0-9]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert used == named


def test_secrets_have_no_default():
    for name in ("CLICKHOUSE_PASSWORD", "CLICKHOUSE_CLUSTER_SECRET", "GRAFANA_PASSWORD", "GAPWATCH_ID_KEY"):
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", TEXT)) == {":?set it in .env"}


@EACH
def test_images_are_pinned_and_services_restart(services, name):
    image = services[name]["image"]
    assert re.search(r":\d+\.\d+", image), f"{image} has no version"
    assert "latest" not in image
    assert services[name]["restart"] in {"unless-stopped", "on-failure"}


@BOTH
def test_one_version_of_each_image(compose):
    images = {service["image"] for service in compose["services"].values()}
    assert len({image.split(":")[0] for image in images}) == len(images)


@EACH
def test_a_service_that_stays_has_a_health_check_and_gains_no_rights(services, name):
    if services[name]["restart"] == "unless-stopped":
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    assert services[name]["security_opt"] == ["no-new-privileges:true"]


@EACH
def test_services_wait_for_services_that_exist(services, name):
    assert set(services[name].get("depends_on", {})) <= set(services)


@BOTH
def test_ports_are_published_on_loopback_only_and_once(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.rpartition(":")[0] for port in ports}) == len(ports) >= 3


@BOTH
def test_mounts_and_volumes_exist(compose):
    mounts = [volume.split(":") for service in compose["services"].values() for volume in service.get("volumes", [])]
    for source, *_ in mounts:
        assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"], source
    kept = [source for source, *_ in mounts if not source.startswith(".")]
    assert len(set(kept)) == len(kept)


@BOTH
def test_gapwatch_services_use_commands_and_settings_that_exist(compose):
    ours = {name: service for name, service in compose["services"].items() if service["image"].startswith("gapwatch")}
    assert ours
    known = {f"GAPWATCH_{field.upper()}" for field in Settings.model_fields} | {CONFIG_VARIABLE}
    for service in ours.values():
        assert service["command"][0] in gapwatch.list_commands(None)
        assert {name for name in service["environment"] if name.startswith("GAPWATCH_")} <= known


def _hosts(addresses: str) -> list[str]:
    return re.findall(r"(?:^|[,@=])([a-z0-9-]+):\d+", addresses)


@BOTH
def test_our_services_reach_every_server(compose):
    services = compose["services"]
    brokers = {name for name in services if name.startswith("kafka")}
    servers = {name for name in services if name.startswith("clickhouse")}
    for name in ("init", "worker", "signals"):
        environment = services[name]["environment"]
        assert set(_hosts(environment["GAPWATCH_KAFKA"])) == brokers
        assert set(_hosts(re.sub(r"\$\{.*?\}", "x", environment["GAPWATCH_CLICKHOUSE"]))) == servers
    assert brokers | servers <= set(services["init"]["depends_on"])


def test_three_brokers_differ_in_name_only_and_keep_a_record_when_one_is_lost():
    brokers = {name: service for name, service in CLUSTER["services"].items() if name.startswith("kafka")}
    assert len(brokers) == 3
    own = {"KAFKA_NODE_ID", "KAFKA_ADVERTISED_LISTENERS"}
    common = [
        {name: value for name, value in broker["environment"].items() if name not in own} for broker in brokers.values()
    ]
    assert common[0] == common[1] == common[2]
    assert (common[0]["KAFKA_DEFAULT_REPLICATION_FACTOR"], common[0]["KAFKA_MIN_INSYNC_REPLICAS"]) == (3, 2)
    voters = dict(re.findall(r"(\d)@([a-z0-9-]+):9093", common[0]["KAFKA_CONTROLLER_QUORUM_VOTERS"]))
    for name, broker in brokers.items():
        assert voters[str(broker["environment"]["KAFKA_NODE_ID"])] == name
        assert f"INTERNAL://{name}:9092" in broker["environment"]["KAFKA_ADVERTISED_LISTENERS"]
        assert broker["healthcheck"] == brokers["kafka"]["healthcheck"]
    assert CLUSTER["services"]["worker"]["environment"]["GAPWATCH_REPLICATION"] == 3


def _config(name: str) -> ET.Element:
    return ET.fromstring((ROOT / "deploy/clickhouse" / name).read_text(encoding="utf-8"))  # noqa: S314 - our own file


def test_the_clickhouse_servers_make_up_the_cluster_that_is_set():
    services = CLUSTER["services"]
    servers = {name: service for name, service in services.items() if name.startswith("clickhouse")}
    config = _config("cluster.xml")
    (cluster,) = config.find("remote_servers")
    assert cluster.tag == services["worker"]["environment"]["GAPWATCH_CLICKHOUSE_CLUSTER"]
    assert [host.text for host in cluster.iter("host")] == list(servers)
    assert [server["environment"]["CLICKHOUSE_SHARD"] for server in servers.values()] == [1, 2]
    needed = {element.attrib["from_env"] for element in config.iter() if "from_env" in element.attrib}
    for server in servers.values():
        assert needed <= set(server["environment"])
        assert server["healthcheck"] == servers["clickhouse"]["healthcheck"]


def test_keeper_answers_where_the_servers_ask():
    config = _config("cluster.xml")
    keeper = _config("keeper.xml").find("keeper_server")
    assert config.findtext("zookeeper/node/host") == keeper.findtext("raft_configuration/server/hostname") == "keeper"
    assert config.findtext("zookeeper/node/port") == keeper.findtext("tcp_port")
    assert f":{keeper.findtext('http_control/port')}/ready" in CLUSTER["services"]["keeper"]["healthcheck"]["test"][-1]


def test_the_image_copies_what_exists_and_runs_as_nobody():
    arguments = {
        service["build"]["args"]["REQUIREMENTS"] for service in ALONE["services"].values() if "build" in service
    }
    for argument in arguments:
        assert (ROOT / f"requirements/{argument}.txt").is_file()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in sources.replace("${REQUIREMENTS}", "worker").split():
            assert (ROOT / source).exists(), source
    assert re.search(r"^USER 10001$", DOCKERFILE, re.MULTILINE)
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for folder in ("pipeline", "agents", "schemas", "dashboards", "requirements"):
        assert f"!{folder}" in allowed


@pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0,
    reason="no Docker compose client on this machine",
)
@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=["alone", "cluster"])
def test_docker_compose_reads_it(tmp_path, files):
    variables = tmp_path / ".env"
    secrets = (
        "KAFKA_CLUSTER_ID",
        "CLICKHOUSE_PASSWORD",
        "CLICKHOUSE_CLUSTER_SECRET",
        "GRAFANA_PASSWORD",
        "GAPWATCH_ID_KEY",
    )
    variables.write_text("".join(f"{name}=x\n" for name in secrets))
    command = ["docker", "compose", "--env-file", str(variables), "--project-directory", str(ROOT)]
    named = [argument for file in files for argument in ("--file", str(file))]
    assert subprocess.run([*command, *named, "config", "--quiet"], capture_output=True).returncode == 0
