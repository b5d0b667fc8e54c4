"""The Helm chart: its values are what its templates use, and Helm makes of it what deploy/kubernetes holds."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.deploy.test_files import DEPLOY, read_yaml
from tests.deploy.test_kubernetes import OBJECTS
from tests.deploy.tools import find_helm, run

CHART = DEPLOY / "helm"
TEMPLATES = {path.name: path.read_text() for path in sorted((CHART / "templates").iterdir())}
(VALUES,) = read_yaml(CHART / "values.yaml")
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
#: What no two places need to agree on: Helm's own marks.
MARKS = {"app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy"}


def leaves(values: dict[str, Any], path: str = "") -> set[str]:
    """Return the path of each value; an empty object counts as one."""
    found = set()
    for name, value in values.items():
        inside = isinstance(value, dict) and value and not path and name not in {"resources"}
        found |= leaves(value, f"{path}.{name}") if inside else {f"{path}.{name}"}
    return found


def test_each_value_is_used_and_each_that_is_used_is_there() -> None:
    """A misspelt value would be empty in silence, and one that nothing uses would change nothing."""
    used = set(re.findall(r"\.Values((?:\.\w+)+)", "".join(TEMPLATES.values())))
    known = leaves(VALUES)
    # A whole group may be looked at, as `if .Values.ingress.annotations`.
    assert set() == used - known
    assert set() == known - used


def test_the_schema_fits_the_values_and_refuses_others() -> None:
    """The defaults pass, and a misspelt value or a variable of another program does not."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)
    assert set(VALUES) == set(SCHEMA["properties"]) - {"global"}
    wrong: dict[str, Any]
    for wrong in ({"ingres": {}}, {"image": {"repo": "x"}}, {"settings": {"path": "x"}}, {"existingSecret": ""}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**VALUES, **wrong}, SCHEMA)


def test_the_outside_reaches_what_it_does_with_the_plain_files() -> None:
    """The ingress has the paths of deploy/kubernetes, whose own test says which these are."""
    (rule,) = OBJECTS["Ingress hub"]["spec"]["rules"]
    (paths,) = re.findall(r"range list (.*?) }}", TEMPLATES["ingress.yaml"])
    assert [path["path"] for path in rule["http"]["paths"]] == json.loads(f"[{paths.replace(' ', ', ')}]")


def render(*options: str, release: str = "hub") -> dict[str, Any]:
    """Return what Helm makes of the chart, by kind and name."""
    text = run(find_helm(), "template", release, CHART, "--kube-version", "1.30.0", "--namespace", "shop", *options)
    yaml = importlib.import_module("yaml")
    objects = [found for found in yaml.safe_load_all(text) if found]
    return {f"{found['kind']} {found['metadata']['name']}": found for found in objects}


def without_marks(value: Any) -> Any:
    """Return an object without Helm's marks, and without labels where none is left."""
    if isinstance(value, dict):
        kept = {name: without_marks(inner) for name, inner in value.items() if name not in MARKS}
        return {name: inner for name, inner in kept.items() if not (name == "annotations" and inner == {})}
    return [without_marks(inner) for inner in value] if isinstance(value, list) else value


def without_labels(found: dict[str, Any]) -> dict[str, Any]:
    """Return an object without its own labels, which deploy/kubernetes gives to some alone."""
    metadata = {name: inner for name, inner in found["metadata"].items() if name != "labels"}
    plain: dict[str, Any] = without_marks({**found, "metadata": metadata})
    return plain


@pytest.mark.soak
class TestHelm:
    """By Helm itself, which Go builds."""

    def test_lint(self) -> None:
        """Helm finds nothing wrong."""
        assert "0 chart(s) failed" in run(find_helm(), "lint", "--strict", CHART)

    def test_it_is_what_the_files_are(self) -> None:
        """With the release's name `hub` each object is that of deploy/kubernetes, so its tests hold for both."""
        rendered = render("--set", "ingress.enabled=true")
        expected = {name: found for name, found in OBJECTS.items() if name in rendered}
        assert {"StatefulSet hub", "Service hub", "Ingress hub", "NetworkPolicy hub", "CronJob hub-backup"} <= set(
            expected
        )
        assert set(rendered) == set(expected)
        for name, found in rendered.items():
            assert without_labels(expected[name]) == without_labels(found), name

    @pytest.mark.parametrize("version", ["1.30", "1.37"])
    def test_the_api_takes_it(self, version: str, tmp_path: Path) -> None:
        """With every value changed each object fits its schema, and everything has the release's name."""
        values = {
            "image": {"repository": "registry.example.com/hub", "tag": "1.2.3", "pullSecrets": [{"name": "pull"}]},
            "existingSecret": "own",
            "settings": {"HUB_ALLOWED_ORIGINS": "https://app.example.com", "WS_MAX_CONNECTIONS": 5000},
            "persistence": {"storageClass": "fast", "size": "20Gi"},
            "ingress": {"enabled": True, "tlsSecret": "", "annotations": {"a.example/b": "c"}},
            "backup": {"storageClass": "slow", "keep": 3},
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "podAnnotations": {"a.example/d": "e"},
        }
        (tmp_path / "values.json").write_text(json.dumps(values))
        rendered = render("--values", str(tmp_path / "values.json"), release="shop-hub")
        for name, found in rendered.items():
            importlib.import_module("kubernetes_validate").validate(found, version, strict=True)
            assert name.partition(" ")[2].startswith("shop-hub")
        pod = rendered["StatefulSet shop-hub"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert "registry.example.com/hub:1.2.3" == container["image"]
        assert {"name": "WS_MAX_CONNECTIONS", "value": "5000"} in container["env"]
        assert [{"secretRef": {"name": "own"}}] == container["envFrom"]
        assert ({"disk": "ssd"}, [{"name": "pull"}]) == (pod["nodeSelector"], pod["imagePullSecrets"])

    def test_parts_can_be_left_out(self) -> None:
        """Without backup, ingress and network policy the hub and its service are left."""
        rendered = render("--set", "backup.enabled=false,networkPolicy.enabled=false")
        assert {"StatefulSet hub", "Service hub"} == set(rendered)

    def test_a_misspelt_value_is_refused(self) -> None:
        """Helm says which, by the schema."""
        with pytest.raises(AssertionError, match="ingres"):
            render("--set", "ingres.enabled=true")
