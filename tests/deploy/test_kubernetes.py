"""The Kubernetes files are what its API takes, and agree with each other, the image and the hub."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from hub import routes
from hub.relay.runner import STOP_S
from hub.settings import Settings
from tests.attacks.test_matrix import DOORS
from tests.deploy.test_files import DEPLOY, ROOT, read_yaml

KUSTOMIZATION = "kustomization.yaml"
FOLDER = DEPLOY / "kubernetes"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != KUSTOMIZATION)
OBJECTS = {f"{found['kind']} {found['metadata']['name']}": found for path in FILES for found in read_yaml(path)}
HUB = OBJECTS["StatefulSet hub"]["spec"]["template"]["spec"]
RELAY = OBJECTS["Deployment hub-relay"]["spec"]["template"]["spec"]
BACKUP = OBJECTS["CronJob hub-backup"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("name", OBJECTS)
def test_the_api_takes_it(name: str, version: str) -> None:
    """Each object fits the schema of its kind, with no field that the API does not know."""
    importlib.import_module("kubernetes_validate").validate(OBJECTS[name], version, strict=True)


def test_a_wrong_field_would_be_noticed() -> None:
    """The schemas refuse a field that is not there, deep inside."""
    validator = importlib.import_module("kubernetes_validate")
    wrong = OBJECTS["StatefulSet hub"] | {"spec": OBJECTS["StatefulSet hub"]["spec"] | {"replica": 1}}
    with pytest.raises(validator.ValidationError):
        validator.validate(wrong, "1.37", strict=True)


@pytest.mark.parametrize("pod", [HUB, BACKUP, RELAY], ids=["hub", "backup", "relay"])
def test_no_rights_that_it_does_not_need(pod: dict[str, Any]) -> None:
    """What the restricted pod security standard asks for, a read-only root file system, no token of the cluster."""
    (container,) = pod["containers"]
    assert {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}.items() <= pod[
        "securityContext"
    ].items()
    assert {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    } == container["securityContext"]
    assert (False, False) == (pod["automountServiceAccountToken"], pod["enableServiceLinks"])
    assert (
        f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}\n"
        in (ROOT / "Containerfile").read_text()
    )


def test_one_hub_with_one_volume() -> None:
    """Never two pods on one log; the backup's pod finds the volume that the StatefulSet makes, on the same node."""
    spec = OBJECTS["StatefulSet hub"]["spec"]
    assert 1 == spec["replicas"]
    (claim,) = spec["volumeClaimTemplates"]
    volumes = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in BACKUP["volumes"]}
    assert {"data": f"{claim['metadata']['name']}-hub-0", "backup": "hub-backup"} == volumes
    assert "PersistentVolumeClaim hub-backup" in OBJECTS
    (term,) = BACKUP["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert spec["selector"] == term["labelSelector"]
    assert ["ReadWriteOnce"] == claim["spec"]["accessModes"]


def test_it_is_asked_and_stopped_as_the_hub_wants_it() -> None:
    """Liveness and readiness at the paths the hub has, and time for its drain before it is killed."""
    (container,) = HUB["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert {"startup": routes.LIVE, "liveness": routes.LIVE, "readiness": routes.READY} == probes
    assert HUB["terminationGracePeriodSeconds"] > Settings().drain_s + 15


def test_ports_and_labels_agree() -> None:
    """Service, ingress and network policy name ports and labels that the pod has."""
    (container,) = HUB["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {"http": 8000, "metrics": 9464} == ports
    assert {"HUB_METRICS_PORT": "9464"} == {entry["name"]: entry["value"] for entry in container["env"]}
    service = OBJECTS["Service hub"]["spec"]
    assert set(ports) == {port["targetPort"] for port in service["ports"]}
    labels = OBJECTS["StatefulSet hub"]["spec"]["template"]["metadata"]["labels"]
    assert service["selector"] == labels
    policy = OBJECTS["NetworkPolicy hub"]["spec"]
    assert labels == policy["podSelector"]["matchLabels"]
    assert set(ports) == {port["port"] for rule in policy["ingress"] for port in rule["ports"]}


def test_the_outside_reaches_what_browsers_need_alone() -> None:
    """The ingress has every path that takes a user's token, and no path of publishing or of operators."""
    (rule,) = OBJECTS["Ingress hub"]["spec"]["rules"]
    paths = {path["path"]: path["pathType"] for path in rule["http"]["paths"]}
    of_users = {path for (_, path), kind in DOORS.items() if kind.startswith("user")}
    assert dict.fromkeys(of_users, "Exact") == paths


def test_the_relay_may_publish_and_is_stopped_in_order() -> None:
    """Its pods have the label that the hub's network policy asks for, its probes the paths, and time for its end."""
    (container,) = RELAY["containers"]
    labels = OBJECTS["Deployment hub-relay"]["spec"]["template"]["metadata"]["labels"]
    assert {"hub.publisher": "true"}.items() <= labels.items()
    assert OBJECTS["Deployment hub-relay"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert {"HUB_RELAY_PORT": "9465", "HUB_HOST": "0.0.0.0"} == {
        each["name"]: each["value"] for each in container["env"]
    }
    (port,) = container["ports"]
    assert ("metrics", 9465) == (port["name"], port["containerPort"])
    assert routes.LIVE == container["livenessProbe"]["httpGet"]["path"]
    assert routes.READY == container["readinessProbe"]["httpGet"]["path"]
    assert ["relay"] == container["args"]
    assert RELAY["terminationGracePeriodSeconds"] > STOP_S


def test_all_of_it_is_applied() -> None:
    """`kubectl apply -k` takes every file but the example of a secret."""
    (kustomization,) = read_yaml(FOLDER / KUSTOMIZATION)
    assert {path.name for path in FILES if "example" not in path.name} == set(kustomization["resources"])
    images = {container["image"].partition(":")[0] for pod in (HUB, BACKUP) for container in pod["containers"]}
    assert images == {image["name"] for image in kustomization["images"]}


def test_the_backup_keeps_what_the_page_says() -> None:
    """The CronJob runs the command of the image, every night."""
    (container,) = BACKUP["containers"]
    assert ["backup", "/backup", "--keep", "14"] == container["args"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", OBJECTS["CronJob hub-backup"]["spec"]["schedule"])
    assert {"/data", "/backup"} == {Path(mount["mountPath"]).as_posix() for mount in container["volumeMounts"]}
