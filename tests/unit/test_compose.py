"""The compose file as far as it can be checked without a Docker engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.cli import gapwatch
from pipeline.settings import CONFIG_VARIABLE, Settings

TOP = Path(__file__).parents[2]
TEXT = (TOP / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict] = yaml.safe_load(TEXT)["services"]
DOCKERFILE = (TOP / "Dockerfile").read_text(encoding="utf-8")


def test_every_variable_has_a_line_in_the_example():
    used = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    named = set(re.findall(r"^([A-Z_]+)=", (TOP / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert used == named


def test_secrets_have_no_default():
    for name in ("CLICKHOUSE_PASSWORD", "GRAFANA_PASSWORD"):
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", TEXT)) == {":?set it in .env"}


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_services_restart(name):
    image = SERVICES[name]["image"]
    assert re.search(r":\d+\.\d+", image), f"{image} has no version"
    assert "latest" not in image
    assert SERVICES[name]["restart"] in {"unless-stopped", "on-failure"}


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"])
def test_a_service_that_stays_has_a_health_check(name):
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_services_wait_for_services_that_exist():
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_ports_are_published_on_loopback_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_folders_mounted_from_the_project_exist():
    mounts = [
        volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume.startswith(".")
    ]
    assert mounts
    for mount in mounts:
        assert (TOP / mount.split(":")[0]).exists(), mount


def test_gapwatch_services_use_commands_and_settings_that_exist():
    ours = {name: service for name, service in SERVICES.items() if service["image"].startswith("gapwatch")}
    assert ours
    known = {f"GAPWATCH_{field.upper()}" for field in Settings.model_fields} | {CONFIG_VARIABLE}
    for service in ours.values():
        assert service["command"][0] in gapwatch.list_commands(None)
        assert {name for name in service["environment"] if name.startswith("GAPWATCH_")} <= known


def test_the_image_copies_what_exists_and_runs_as_nobody():
    arguments = {service["build"]["args"]["REQUIREMENTS"] for service in SERVICES.values() if "build" in service}
    for argument in arguments:
        assert (TOP / f"requirements/{argument}.txt").is_file()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in sources.replace("${REQUIREMENTS}", "worker").split():
            assert (TOP / source).exists(), source
    assert re.search(r"^USER 10001$", DOCKERFILE, re.MULTILINE)
    allowed = (TOP / ".dockerignore").read_text(encoding="utf-8")
    for folder in ("pipeline", "agents", "schemas", "dashboards", "requirements"):
        assert f"!{folder}" in allowed


@pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0,
    reason="no Docker compose client on this machine",
)
def test_docker_compose_reads_it(tmp_path):
    variables = tmp_path / ".env"
    variables.write_text("KAFKA_CLUSTER_ID=x\nCLICKHOUSE_PASSWORD=x\nGRAFANA_PASSWORD=x\n")
    command = ["docker", "compose", "--env-file", str(variables), "--project-directory", str(TOP), "config", "--quiet"]
    assert subprocess.run(command, capture_output=True).returncode == 0
