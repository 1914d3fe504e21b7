"""The Kubernetes manifests: against Kubernetes' own schemas, and against what the code knows."""

import re
import shutil
import subprocess
from http import HTTPStatus
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import requests
import yaml
from support.repository import ROOT

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.publishing.gateway.openapi import document as openapi_document
from gapwatch.pipeline.settings import Settings
from gapwatch.pipeline.worker.heartbeat import HEARTBEAT_SECONDS, STOP_SECONDS
from gapwatch.pipeline.worker.monitoring import served
from gapwatch.pipeline.worker.supervisor import Supervisor

FOLDER = ROOT / "deploy/kubernetes"
RESOURCES = [
    pytest.param(document, id=f"{file.parent.name}-{document['kind']}-{document['metadata']['name']}")
    for file in sorted(FOLDER.rglob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    if not document.get("apiVersion", "kustomize").startswith("kustomize")
]
WORKLOADS = [parameter for parameter in RESOURCES if parameter.values[0]["kind"] == "Deployment"]
CONTAINERS = [
    pytest.param(parameter.values[0]["spec"]["template"]["spec"], container, id=f"{parameter.id}-{container['name']}")
    for parameter in WORKLOADS
    for part in ("initContainers", "containers")
    for container in parameter.values[0]["spec"]["template"]["spec"].get(part, [])
]
EACH_CONTAINER = pytest.mark.parametrize(("pod", "container"), CONTAINERS)
HOW_TO = (ROOT / "docs/how-to/kubernetes.md").read_text(encoding="utf-8")
CERTIFICATES = "/etc/gapwatch/certificates"
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


@EACH_CONTAINER
def test_it_runs_a_command_that_exists_as_nobody_with_bounds(pod, container):
    command, *subcommand = container["args"]
    found = gapwatch.get_command(None, command)
    assert found
    assert not subcommand or subcommand[0].startswith("-") or subcommand[0] in found.commands
    user = re.search(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[1]
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


@EACH_CONTAINER
def test_it_writes_where_the_image_works_and_reads_certificates_if_there_are_any(pod, container):
    own = [mount for mount in container["volumeMounts"] if mount["name"] == "gateway"]
    assert all(mount["readOnly"] for mount in own)
    assert [mount for mount in container["volumeMounts"] if mount not in own] == [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the image's working directory
        {"name": "certificates", "mountPath": CERTIFICATES, "readOnly": True},
    ]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes.keys() == {"tmp", "certificates"} | {mount["name"] for mount in own}
    assert volumes["certificates"]["secret"]["optional"] is True


@EACH_CONTAINER
def test_it_has_the_image_of_its_command(pod, container):
    name, _, tag = container["image"].partition(":")
    assert name == ("gapwatch-services" if container["args"][0] == "alerts" else "gapwatch-worker")
    assert (
        tag == re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    )
    changed = {image["name"] for image in yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text())["images"]}
    assert name in changed


@EACH_CONTAINER
def test_it_takes_settings_and_secrets_that_are_made(pod, container):
    base = yaml.safe_load((FOLDER / "base/kustomization.yaml").read_text())
    example = yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text())
    sources = [next(iter(source.values()))["name"] for source in container["envFrom"]]
    assert sources == [base["configMapGenerator"][0]["name"], example["secretGenerator"][0]["name"]]
    assert {one["name"] for one in container.get("env", [])} <= KNOWN


def _secured() -> dict[str, Any]:
    """What the how-to adds to the example for a Kafka with SASL and TLS."""
    return _snippet("keda-credentials")


def _snippet(component: str) -> dict[str, Any]:
    """What the how-to adds to the example for a component."""
    snippets = re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)
    (found,) = (snippet for snippet in snippets if f"../{component}" in snippet)
    return yaml.safe_load(found)


def test_settings_are_known_and_secrets_have_no_values():
    example = yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text())
    lines = (FOLDER / "base/settings.env").read_text().split()
    lines += example["configMapGenerator"][0]["literals"] + _secured()["configMapGenerator"][0]["literals"]
    lines += re.findall(r"GAPWATCH_[A-Z_]+", HOW_TO)
    assert {line.partition("=")[0] for line in lines} <= KNOWN
    secrets = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "example/secret.env.example").read_text(), re.MULTILINE))
    assert set(secrets) <= KNOWN
    assert set(secrets.values()) == {""}


def _status_of(path: str) -> int:
    """What a worker that is well answers."""
    with served(Supervisor(0), "", "127.0.0.1", 0) as address:
        return requests.get(address + path, timeout=10).status_code


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
    assert pod["terminationGracePeriodSeconds"] >= STOP_SECONDS + 2 * HEARTBEAT_SECONDS + 5


def test_workers_are_scaled_by_settings_they_have_up_to_the_partitions():
    scaled = _named("ScaledObject", "gapwatch-worker")["spec"]
    assert scaled["scaleTargetRef"]["name"] == _named("Deployment", "gapwatch-worker")["metadata"]["name"]
    settings = dict(line.split("=") for line in (FOLDER / "base/settings.env").read_text().split())
    assert scaled["maxReplicaCount"] <= int(settings["GAPWATCH_PARTITIONS"])
    (trigger,) = scaled["triggers"]
    assert {name: settings[value] for name, value in trigger["metadata"].items() if name.endswith("FromEnv")}
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert f"{int(trigger['metadata']['lagThreshold']):,} are ten seconds of work" in HOW_TO


def test_keda_shows_kafka_what_the_workers_show():
    spec = _named("TriggerAuthentication", "gapwatch-kafka")["spec"]
    assert {one["parameter"]: one["name"] for one in spec["env"]} == {
        "username": "GAPWATCH_KAFKA_SASL_USERNAME",
        "password": "GAPWATCH_KAFKA_SASL_PASSWORD",
    }
    assert {one["name"] for one in spec["env"]} <= KNOWN
    (authority,) = spec["secretTargetRef"]
    (secret,) = _secured()["secretGenerator"]
    settings = dict(line.split("=") for line in _secured()["configMapGenerator"][0]["literals"])
    assert secret["name"] == authority["name"]
    assert authority["key"] in secret["files"]
    assert settings["GAPWATCH_KAFKA_SSL_CAFILE"] == f"{CERTIFICATES}/{authority['key']}"
    pod, _ = _pod(_named("Deployment", "gapwatch-worker"))
    assert secret["name"] in {volume.get("secret", {}).get("secretName") for volume in pod["volumes"]}
    component = yaml.safe_load((FOLDER / "keda-credentials/kustomization.yaml").read_text())
    added = {one["path"].rpartition("/")[2]: one["value"] for one in yaml.safe_load(component["patches"][0]["patch"])}
    assert added == {
        "tls": "enable" if settings["GAPWATCH_KAFKA_SECURITY_PROTOCOL"].endswith("SSL") else "disable",
        "sasl": settings["GAPWATCH_KAFKA_SASL_MECHANISM"].lower().replace("-", "_").replace("scram_sha_", "scram_sha"),
        "authenticationRef": {"name": "gapwatch-kafka"},
    }


def _built(folder: Path, kustomization: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """What kustomize makes of the example with this in it, by kind and name."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    example = folder / "example"
    secrets = (example / "secret.env.example").read_text()
    (example / "secret.env").write_text(secrets.replace("CLICKHOUSE=", "CLICKHOUSE=clickhouse://u:p@h/gapwatch"))
    (example / "ca.crt").write_text("certificate")
    (example / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    built = subprocess.run(["kubectl", "kustomize", str(example)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    documents = list(yaml.safe_load_all(built.stdout))
    for document in documents:
        _validate(document)
        assert document["metadata"]["namespace"] == "gapwatch"
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


NEEDS_KUBECTL = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine")


@NEEDS_KUBECTL
def test_kustomize_builds_the_example(tmp_path):
    built = _built(tmp_path, yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text()))
    worker = built["Deployment", "gapwatch-worker"]
    assert "replicas" not in worker["spec"]
    names = [next(iter(source.values()))["name"] for source in _pod(worker)[1]["envFrom"]]
    config = built["ConfigMap", names[0]]["data"]
    assert config["GAPWATCH_KAFKA"].count(":9092") == 3
    assert ("Secret", names[1]) in built
    assert set(config) <= KNOWN
    assert "authenticationRef" not in built["ScaledObject", "gapwatch-worker"]["spec"]["triggers"][0]


@NEEDS_KUBECTL
def test_kustomize_builds_the_example_with_a_gateway(tmp_path):
    example, gateway = yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text()), _snippet("gateway")
    (tmp_path / "example").mkdir()
    (tmp_path / "example" / "gateway-keys.json").write_text("{}")
    both = {key: example[key] + gateway[key] for key in ("components", "secretGenerator")}
    built = _built(tmp_path, example | both)
    pod, container = _pod(built["Deployment", "gapwatch-gateway"])
    (port,) = container["ports"]
    assert {"name": "gateway", "secret": {"secretName": "gapwatch-gateway", "optional": True}} in pod["volumes"]
    assert ("Secret", "gapwatch-gateway") in built
    assert str(port["containerPort"]) in container["args"]
    (route,) = built["Service", "gapwatch-gateway"]["spec"]["ports"]
    assert route["targetPort"] == port["name"]
    selector = built["Service", "gapwatch-gateway"]["spec"]["selector"]
    labels = built["Deployment", "gapwatch-gateway"]["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    for path in re.findall(r"path: (\S+),", (FOLDER / "gateway/gateway.yaml").read_text()):
        assert path in openapi_document()["paths"]


@NEEDS_KUBECTL
def test_kustomize_builds_the_example_with_passwords_and_certificates(tmp_path):
    example, secured = yaml.safe_load((FOLDER / "example/kustomization.yaml").read_text()), _secured()
    kept = [component for component in example["components"] if component != "../keda"]
    both = {key: example[key] + secured[key] for key in ("configMapGenerator", "secretGenerator")}
    built = _built(tmp_path, example | both | {"components": kept + secured["components"]})
    (secret,) = (name for kind, name in built if kind == "Secret" and name.startswith("gapwatch-certificates-"))
    for (kind, _), document in built.items():
        if kind == "Deployment":
            assert secret in {volume.get("secret", {}).get("secretName") for volume in _pod(document)[0]["volumes"]}
            config = built["ConfigMap", _pod(document)[1]["envFrom"][0]["configMapRef"]["name"]]["data"]
            assert config["GAPWATCH_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert built["TriggerAuthentication", "gapwatch-kafka"]["spec"]["secretTargetRef"][0]["name"] == secret
    (trigger,) = built["ScaledObject", "gapwatch-worker"]["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": "gapwatch-kafka"}
    assert (trigger["metadata"]["tls"], trigger["metadata"]["sasl"]) == ("enable", "scram_sha512")
