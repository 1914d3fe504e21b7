"""The Kubernetes manifests: against Kubernetes' own schemas, and against what the code knows."""

import re
import shutil
import subprocess
import threading
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pipeline.cli import gapwatch
from pipeline.commands.worker import _handler
from pipeline.settings import Settings
from pipeline.worker.supervision import REPORT_SECONDS, STOP_SECONDS

TOP = Path(__file__).parents[2]
FOLDER = TOP / "deploy/kubernetes"
DOCUMENTS = [
    pytest.param(document, id=f"{file.parent.name}-{document['kind']}-{document.get('metadata', {}).get('name', '')}")
    for file in sorted(FOLDER.rglob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
RESOURCES = [
    parameter for parameter in DOCUMENTS if not parameter.values[0]["apiVersion"].startswith("kustomize.config.k8s.io")
]
WORKLOADS = [parameter for parameter in RESOURCES if parameter.values[0]["kind"] in {"Deployment", "Job"}]
KNOWN = {f"GAPWATCH_{field.upper()}" for field in Settings.model_fields}


def _pod(workload: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def _named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        parameter.values[0]
        for parameter in RESOURCES
        if (parameter.values[0]["kind"], parameter.values[0]["metadata"]["name"]) == (kind, name)
    )
    return found


def _validate(document: dict[str, Any]) -> None:
    if not document["apiVersion"].startswith("keda.sh/"):  # not of Kubernetes itself
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("document", RESOURCES)
def test_it_fits_the_schema(document):
    _validate(document)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_it_runs_a_command_that_exists_as_nobody_with_bounds(workload):
    pod, container = _pod(workload)
    command, *subcommand = container["args"]
    found = gapwatch.get_command(None, command)
    assert found
    assert not subcommand or subcommand[0] in found.commands
    user = re.search(r"^USER (\d+)$", (TOP / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(user),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert container["resources"]["requests"]
    assert container["resources"]["limits"]["memory"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]  # noqa: S108 - where the image works
    assert [volume["name"] for volume in pod["volumes"]] == [mount["name"] for mount in container["volumeMounts"]]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_it_has_the_image_of_its_command(workload):
    _, container = _pod(workload)
    name, _, tag = container["image"].partition(":")
    assert name == ("gapwatch-services" if container["args"][0] == "alerts" else "gapwatch-worker")
    assert (
        tag == re.search(r'^version = "(.+)"$', (TOP / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    )
    changed = {image["name"] for image in yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text())["images"]}
    assert name in changed


@pytest.mark.parametrize("workload", WORKLOADS)
def test_it_takes_settings_and_secrets_that_are_made(workload):
    _, container = _pod(workload)
    base = yaml.safe_load((FOLDER / "base/kustomization.yaml").read_text())
    example = yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text())
    sources = [next(iter(source.values()))["name"] for source in container["envFrom"]]
    assert sources == [base["configMapGenerator"][0]["name"], example["secretGenerator"][0]["name"]]
    assert {one["name"] for one in container.get("env", [])} <= KNOWN


def test_settings_are_known_and_secrets_have_no_values():
    example = yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text())
    lines = (FOLDER / "base/settings.env").read_text().split()
    lines += example["configMapGenerator"][0]["literals"]
    assert {line.partition("=")[0] for line in lines} <= KNOWN
    secrets = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "example/secret.env.example").read_text(), re.MULTILINE))
    assert set(secrets) <= KNOWN
    assert set(secrets.values()) == {""}


def _status_of(path: str) -> int:
    """What a worker that is well answers."""
    well = SimpleNamespace(live=True, ready=True, slots=[])
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(well, "")) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        connection = HTTPConnection(*server.server_address)
        connection.request("GET", path)
        return connection.getresponse().status


def test_probes_ask_the_worker_for_what_it_answers():
    _, container = _pod(_named("Deployment", "gapwatch-worker"))
    (port,) = container["ports"]
    settings = {one["name"]: one["value"] for one in container["env"]}
    assert settings["GAPWATCH_METRICS_PORT"] == str(port["containerPort"])
    for probe in ("livenessProbe", "readinessProbe"):
        request = container[probe]["httpGet"]
        assert request["port"] == port["name"]
        assert _status_of(request["path"]) == HTTPStatus.OK
    assert _status_of("/health/lively") == HTTPStatus.NOT_FOUND
    (rule,) = _named("NetworkPolicy", "gapwatch")["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": port["containerPort"]}]


def test_a_worker_has_time_to_stop():
    pod, _ = _pod(_named("Deployment", "gapwatch-worker"))
    assert pod["terminationGracePeriodSeconds"] >= STOP_SECONDS + 2 * REPORT_SECONDS + 5


def test_workers_are_scaled_by_settings_they_have_up_to_the_partitions():
    scaled = _named("ScaledObject", "gapwatch-worker")["spec"]
    assert scaled["scaleTargetRef"]["name"] == _named("Deployment", "gapwatch-worker")["metadata"]["name"]
    settings = dict(line.split("=") for line in (FOLDER / "base/settings.env").read_text().split())
    assert scaled["maxReplicaCount"] <= int(settings["GAPWATCH_PARTITIONS"])
    (trigger,) = scaled["triggers"]
    assert {name: settings[value] for name, value in trigger["metadata"].items() if name.endswith("FromEnv")}
    assert all(isinstance(value, str) for value in trigger["metadata"].values())


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine")
def test_kustomize_builds_the_example(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    example = tmp_path / "kubernetes/example"
    secrets = (example / "secret.env.example").read_text()
    (example / "secret.env").write_text(secrets.replace("CLICKHOUSE=", "CLICKHOUSE=clickhouse://u:p@h/gapwatch"))
    built = subprocess.run(["kubectl", "kustomize", str(example)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    documents = list(yaml.safe_load_all(built.stdout))
    for document in documents:
        _validate(document)
        assert document["metadata"]["namespace"] == "gapwatch"
    by_kind = {(document["kind"], document["metadata"]["name"]): document for document in documents}
    worker = by_kind["Deployment", "gapwatch-worker"]
    assert "replicas" not in worker["spec"]
    names = [next(iter(source.values()))["name"] for source in _pod(worker)[1]["envFrom"]]
    config = by_kind["ConfigMap", names[0]]["data"]
    assert config["GAPWATCH_KAFKA"].count(":9092") == 3
    assert ("Secret", names[1]) in by_kind
    assert set(config) <= KNOWN
