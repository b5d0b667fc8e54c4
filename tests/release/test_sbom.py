"""The bill of materials names what the image installs, and nothing else."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.sbom import make_sbom, read_lock
from tests.packages import ROOT

LOCK = (ROOT / "requirements/runtime.txt").read_text()
VERSION = re.findall(r'(?m)^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text())[0]


def _sbom(**changes: Any) -> dict[str, Any]:
    return make_sbom(**({"lock": LOCK, "version": VERSION, "made_at_s": 1_795_000_000} | changes))


def test_every_package_of_the_lock_is_in_it() -> None:
    """Each line of the lock that Linux installs is a component with its version and the hashes of its files."""
    components = {component["name"]: component for component in _sbom()["components"]}
    installed = 0
    for line in re.findall(r"^(\S+==.*?) *\\?$", LOCK, re.MULTILINE):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            installed += 1
            component = components[canonicalize_name(requirement.name)]
            assert str(requirement.specifier) == f"=={component['version']}"
            assert component["externalReferences"][0]["hashes"]
    # And those that are built here: the contracts and the compiled fan-out.
    assert installed + 2 == len(components)


@pytest.mark.parametrize("extra", ["", "otel", "cluster"])
def test_it_says_what_needs_what(extra: str) -> None:
    """The hub's own dependencies are those it declares, with an extra its too; every reference is of a component."""
    sbom = _sbom(lock=(ROOT / f"requirements/{extra or 'runtime'}.txt").read_text())
    needs = {entry["ref"]: set(entry["dependsOn"]) for entry in sbom["dependencies"]}
    required = [Requirement(line) for line in distribution("notification-hub").requires or ()]
    declared = {
        canonicalize_name(each.name)
        for each in required
        if each.marker is None or each.marker.evaluate({"extra": extra})
    }
    own = sbom["metadata"]["component"]["bom-ref"]
    # The image has the compiled fan-out, which the hub runs without.
    declared.add(canonicalize_name("notification-hub-native"))
    assert declared == {re.sub(r"^pkg:pypi/|@.*$", "", reference) for reference in needs[own]}
    references = {component["bom-ref"] for component in sbom["components"]} | {own}
    assert references == set(needs)
    assert set.union(*needs.values()) == references - {own}


def test_the_same_lock_gives_the_same_bytes() -> None:
    """The serial number is made of the content; another lock or moment has another."""
    assert _sbom() == _sbom()
    assert _sbom()["serialNumber"] != _sbom(made_at_s=1)["serialNumber"]
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", _sbom()["serialNumber"])


def test_what_another_system_needs_is_left_out() -> None:
    """A package with a marker for Windows is not in a Linux image."""
    entry = "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:" + "ab" * 32 + "\n    # via click\n"
    assert [] == read_lock(entry)
    (found,) = read_lock(entry.replace("win32", "linux"))
    assert ("colorama", "0.4.6", ("ab" * 32,), ("click",)) == (found.name, found.version, found.sha256, found.via)


def test_an_image_with_extras_names_theirs() -> None:
    """The bill of an image with `EXTRAS=otel` has all of the plain one's, and what sends traces."""
    plain = {component["name"] for component in _sbom()["components"]}
    extended = _sbom(lock=(ROOT / "requirements/otel.txt").read_text())
    assert {"opentelemetry-sdk", "protobuf"} <= {component["name"] for component in extended["components"]} - plain
    assert plain < {component["name"] for component in extended["components"]}


def test_an_image_with_both_extras() -> None:
    """Each package of two locks is there once, and every one that brought it is named."""
    locks = [(ROOT / f"requirements/{name}.txt").read_text() for name in ("otel", "cluster")]
    both = _sbom(lock="".join(locks))
    names = [component["name"] for component in both["components"]]
    assert len(names) == len(set(names))
    each = [{component["name"] for component in _sbom(lock=lock)["components"]} for lock in locks]
    assert {"nats-py", "opentelemetry-sdk"} <= set(names) == each[0] | each[1]
