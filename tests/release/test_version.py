"""One version for everything that is released together, and the command that changes it."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from release.version import PLACES, read_versions, write_version
from tests.packages import ROOT

PYTHON = (
    *("pyproject.toml", "contracts/pyproject.toml"),
    *("clients/python/pyproject.toml", "clients/testing-python/pyproject.toml"),
)
NPM = tuple(f"clients/{name}/package.json" for name in ("browser", "bell", "typescript", "stocktech", "testing"))
CLASSIFIED = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)}


def read_project(path: str) -> dict[str, object]:
    """Return the metadata of a Python package."""
    project: dict[str, object] = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]
    return project


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of every file that holds the version."""
    for path in {place.path for place in PLACES}:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


class TestAgreement:
    def test_all_packages_have_one_version(self) -> None:
        """Every manifest, lock and page names the same version, and each place is found."""
        versions = read_versions(ROOT)
        assert [] == [place for place, found in versions.items() if not found]
        assert 1 == len({version for found in versions.values() for version in found}), versions

    def test_no_package_is_forgotten(self) -> None:
        """The places hold every Python project of the tree, and every npm package that is not private."""
        made = {"node_modules", ".venv", "build", "dist"}
        found = {
            str(path.relative_to(ROOT))
            for name in ("pyproject.toml", "package.json")
            for folder in (ROOT, ROOT / "contracts", ROOT / "clients")
            for path in (folder.rglob(name) if folder != ROOT else folder.glob(name))
            if not made.intersection(path.relative_to(ROOT).parts)
        }
        private = {
            path for path in found if path.endswith(".json") and json.loads((ROOT / path).read_text()).get("private")
        }
        assert found - private == {*PYTHON, *NPM}
        assert {*PYTHON, *NPM} <= {place.path for place in PLACES}

    def test_no_image_is_forgotten(self) -> None:
        """The places hold every file of the deployments and pages that names the image with its version."""
        files = [path for folder in ("deploy", "docs") for path in (ROOT / folder).rglob("*") if path.is_file()]
        named = re.compile(rb"notification-hub:\d+\.\d+\.\d+")
        found = {str(path.relative_to(ROOT)) for path in files if named.search(path.read_bytes())}
        assert set() == found - {place.path for place in PLACES}


class TestChange:
    def test_changes_every_place_and_nothing_else(self, copy: Path) -> None:
        """After a change each place says the new version; the change back gives the very same bytes."""
        before = {place.path: (copy / place.path).read_bytes() for place in PLACES}
        ((old, *_), *_) = read_versions(copy).values()
        write_version(copy, "12.34.56")
        assert {"12.34.56"} == {version for found in read_versions(copy).values() for version in found}
        assert read_versions(copy).keys() == read_versions(ROOT).keys()
        write_version(copy, old)
        assert before == {place.path: (copy / place.path).read_bytes() for place in PLACES}

    @pytest.mark.parametrize("version", ["", "1", "1.2", "v1.2.3", "1.2.3-rc1", "1.2.3\n"])
    def test_refuses_what_is_no_version(self, copy: Path, version: str) -> None:
        """What PyPI and npm would not read in one way changes nothing."""
        before = read_versions(copy)
        with pytest.raises(ValueError, match=r"such as 0\.2\.0"):
            write_version(copy, version)
        assert before == read_versions(copy)


class TestMetadata:
    @pytest.mark.parametrize("path", PYTHON)
    def test_python(self, path: str) -> None:
        """A Python package says what it is, for which Pythons, by which licence, and holds the licence's text."""
        project = read_project(path)
        assert {"name", "version", "description", "readme", "license", "license-files", "keywords"} <= project.keys()
        classifiers = project["classifiers"]
        assert isinstance(classifiers, list)
        assert set(classifiers) >= CLASSIFIED
        assert ">=3.11" == project["requires-python"]
        assert (ROOT / "LICENSE").read_text() == (ROOT / path).with_name("LICENSE").read_text()

    @pytest.mark.parametrize("path", NPM)
    def test_npm(self, path: str) -> None:
        """An npm package is public, typed, built before it is packed, and has keywords and the licence's text."""
        package = json.loads((ROOT / path).read_text(encoding="utf-8"))
        assert {"name", "version", "description", "license", "keywords", "types", "exports", "files"} <= package.keys()
        assert {"access": "public"} == package["publishConfig"]
        assert "npm run build" == package["scripts"]["prepack"]
        assert (ROOT / "LICENSE").read_text() == (ROOT / path).with_name("LICENSE").read_text()
