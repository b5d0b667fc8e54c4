"""`python -m release.sbom [LOCK ...]`: an image's Python packages, as CycloneDX 1.6, from the locks that it installs.

The same lock gives the same bytes. What the base image holds is not in it: its maker says that.
"""

from __future__ import annotations

import re
import sys
import uuid
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["Locked", "make_sbom", "read_lock"]

ROOT = Path(__file__).parents[1]
#: Where the image runs; a package for another system is not installed there.
_IMAGE = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython"}
_ENTRY = re.compile(r"^(\S+==[^\\\n]+?) *(?:\\\n(?: +--hash=\S+(?: \\)?\n)+)((?: +#.*\n)*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"^ +#(?: via)? +([\w.-]+)", re.MULTILINE)
#: What the lock leaves out, since it is built here: the hub itself, its contracts and its fan-out, of one version.
_OWN = ("notification-hub", "notification-hub-contracts", "notification-hub-native")


class Locked(msgspec.Struct, frozen=True):
    """A package of the lock: its files' hashes, and the packages that brought it."""

    name: str
    version: str
    sha256: tuple[str, ...]
    via: tuple[str, ...]


def read_lock(text: str) -> list[Locked]:
    """Return the packages of a lock, or of several one after another, that are installed on Linux."""
    locked: dict[str, Locked] = {}
    for match in _ENTRY.finditer(text):
        requirement = Requirement(match[1])
        if requirement.marker is not None and not requirement.marker.evaluate(_IMAGE):
            continue
        (specifier,) = requirement.specifier
        name = canonicalize_name(requirement.name)
        via: list[str] = [canonicalize_name(parent) for parent in _VIA.findall(match[2])]
        hashes = tuple(sorted(_HASH.findall(match[0])))
        if (known := locked.get(name)) is not None:
            assert (known.version, known.sha256) == (specifier.version, hashes), f"two locks differ in {name}"
            via = [*known.via, *(parent for parent in via if parent not in known.via)]
        locked[name] = Locked(name, specifier.version, hashes, tuple(via))
    return list(locked.values())


def make_sbom(lock: str, version: str, *, made_at_s: int) -> dict[str, Any]:
    """Return the bill of materials of an image of this version."""
    packages = read_lock(lock)
    references = {package.name: _reference(package.name, package.version) for package in packages}
    references |= {name: _reference(name, version) for name in _OWN}
    needs: dict[str, set[str]] = {name: set() for name in references}
    needs[_OWN[0]] |= {references[name] for name in _OWN[1:]}
    for package in packages:
        for parent in package.via:
            needs.get(parent, set()).add(references[package.name])
    components = [_component(package, references[package.name]) for package in packages]
    own = [
        {"type": "library", "name": name, "version": version, "bom-ref": references[name], "purl": references[name]}
        for name in _OWN[1:]
    ]
    sbom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(made_at_s, UTC).isoformat().replace("+00:00", "Z"),
            "component": {
                "type": "application",
                "name": _OWN[0],
                "version": version,
                "bom-ref": references[_OWN[0]],
                "purl": references[_OWN[0]],
                "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": [*own, *components],
        "dependencies": [
            {"ref": references[name], "dependsOn": sorted(found)} for name, found in sorted(needs.items())
        ],
    }
    content = msgspec.json.encode(sbom, order="sorted").decode()
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}", **sbom}


def _component(package: Locked, reference: str) -> dict[str, Any]:
    # A version has a file for each platform, and the image installs one of them: all of them are named.
    files = [{"type": "distribution", "url": f"https://pypi.org/project/{package.name}/{package.version}/"}]
    return {
        "type": "library",
        "name": package.name,
        "version": package.version,
        "bom-ref": reference,
        "purl": reference,
        "externalReferences": [
            files[0] | {"hashes": [{"alg": "SHA-256", "content": digest} for digest in package.sha256]}
        ],
    }


def _reference(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def main(*names: str) -> None:
    """Print the bill of materials of this checkout's image, which installs the locks of these names."""
    version = re.findall(r'(?m)^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text())[0]
    lock = "".join((ROOT / f"requirements/{name}.txt").read_text() for name in names or ("runtime",))
    sbom = make_sbom(lock, version, made_at_s=int(environ.get("SOURCE_DATE_EPOCH") or 0))
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(sbom), indent=1) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
