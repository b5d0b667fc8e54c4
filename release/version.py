"""The one version of all packages: every place that holds it, and how to change them together."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

__all__ = ["PLACES", "Place", "read_versions", "write_version"]

_OWN = r'(?m)^version = "([^"]+)"$'
_NPM = r'(?m)^  "version": "([^"]+)",$'
_ARCHIVE = r"notification-hub-[\w*]+-(\d+\.\d+\.\d+)\.tgz"
_IMAGE = r"notification-hub:(\d+\.\d+\.\d+)"
#: A release, or one before it: what both PyPI and npm read in one way.
_VERSION = re.compile(r"\d+\.\d+\.\d+")


class Place(msgspec.Struct, frozen=True):
    """A file, and the expression whose only group is the version wherever it matches."""

    path: str
    pattern: str


PLACES = (
    Place("pyproject.toml", _OWN),
    Place("pyproject.toml", r'"notification-hub-contracts==([^"]+)"'),
    Place("contracts/pyproject.toml", _OWN),
    Place("native/pyproject.toml", _OWN),
    Place("clients/python/pyproject.toml", _OWN),
    Place("clients/python/pyproject.toml", r'"notification-hub-contracts~=([^"]+)"'),
    Place("clients/testing-python/pyproject.toml", _OWN),
    Place("clients/testing-python/pyproject.toml", r'"notification-hub==([^"]+)"'),
    Place("clients/browser/package.json", _NPM),
    Place("clients/bell/package.json", _NPM),
    Place("clients/bell/package.json", r'"@notification-hub/client": "\^([^"]+)"'),
    Place("clients/testing/package.json", _NPM),
    Place("clients/typescript/package.json", _NPM),
    Place("clients/stocktech/package.json", _NPM),
    Place("clients/stocktech/package.json", r'"@notification-hub/service": "\^([^"]+)"'),
    Place("clients/package-lock.json", r'"name": "@notification-hub/\w+",\s+"version": "([^"]+)"'),
    Place("clients/package-lock.json", r'"@notification-hub/service": "\^([^"]+)"'),
    Place("clients/package-lock.json", r'"@notification-hub/client": "\^([^"]+)"'),
    # The examples install the clients as strangers do.
    Place("examples/package-lock.json", r'"node_modules/@notification-hub/\w+": \{\s+"version": "([^"]+)"'),
    Place("examples/package-lock.json", r'"@notification-hub/service": "\^([^"]+)"'),
    Place("examples/wppconnect-bridge/package.json", r'"@notification-hub/service": "\^([^"]+)"'),
    # The pages' commands.
    Place("docs/guides/frontends.md", _ARCHIVE),
    Place("docs/guides/services.md", _ARCHIVE),
    Place("docs/guides/testing.md", _ARCHIVE),
    Place("docs/guides/migration-stocktech.md", _ARCHIVE),
    Place("docs/operations/deploy.md", _IMAGE),
    Place("docs/operations/deploy.md", r"notification-hub-(\d+\.\d+\.\d+)\.cdx\.json"),
    # The deployments.
    Place("deploy/compose/cluster.env.example", _IMAGE),
    Place("deploy/compose/cluster.yaml", _IMAGE),
    Place("deploy/compose/compose.yaml", _IMAGE),
    Place("deploy/compose/hub.env.example", _IMAGE),
    Place("deploy/helm/Chart.yaml", r"(?m)^(?:version|appVersion): (\S+)$"),
    Place("deploy/kubernetes/backup.yaml", _IMAGE),
    Place("deploy/kubernetes/cluster/init.yaml", _IMAGE),
    Place("deploy/kubernetes/cluster/statefulset.yaml", _IMAGE),
    Place("deploy/kubernetes/relay.example.yaml", _IMAGE),
    Place("deploy/kubernetes/statefulset.yaml", _IMAGE),
    Place("deploy/kubernetes/kustomization.yaml", r"newTag: (\S+)"),
)


def read_versions(root: Path) -> dict[Place, list[str]]:
    """Return what each place says; an empty list where its expression matches nothing."""
    return {place: re.findall(place.pattern, (root / place.path).read_text(encoding="utf-8")) for place in PLACES}


def write_version(root: Path, version: str) -> None:
    """Write `version` in all places.

    Raises:
        ValueError: it is not three numbers with dots between them.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{version!r} is not a version: three numbers with dots between them, such as 0.2.0")
    for place in PLACES:
        file = root / place.path
        text = file.read_text(encoding="utf-8")
        # From the end, so that what was found before stays where it was.
        for match in reversed(list(re.finditer(place.pattern, text))):
            text = text[: match.start(1)] + version + text[match.end(1) :]
        file.write_text(text, encoding="utf-8")
