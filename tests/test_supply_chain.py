"""What the hub is built from: exact, hashed, without known holes, the same here as in the lock and the image."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import apsw
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LOCKS = {
    name: ROOT / f"requirements/{name}.txt"
    for name in ("runtime", "otel", "cluster", "build", "node", "dev", "release", "traefik", "compiler")
}
every_lock = pytest.mark.parametrize("lock", LOCKS)

#: The oldest version of each package without a published hole that reaches the hub, and which hole that was.
FLOORS = {
    "pyjwt": ("2.13", "CVE-2026-48523, -48524, -48525: algorithm list bypassed, fetch storm, work amplifier"),
    "litestar": ("2.25", "CVE-2026-25479, -25480 and the X-Forwarded-Host bypass"),
    "uvicorn": ("0.52.1", "no write flow control on WebSockets, messages lost under backpressure"),
    "h11": ("0.16.0", "CVE-2025-43859: chunk terminator"),
    "httptools": ("0.6.4", "llhttp before CVE-2024-27982"),
    "websockets": ("9.1", "CVE-2018-1000518 and CVE-2021-33880"),
    "multipart": ("1.3.1", "CVE-2026-28356; Litestar brings it, the hub takes no forms"),
    "starlette": ("1.0.1", "CVE-2025-62727 and a poisoned request.url; sse-starlette brings it"),
}
#: SQLite's WAL-reset corruption; Debian 12's own SQLite has it, apsw brings a later one.
SQLITE_FLOOR = Version("3.51.3")
#: A second parser of forms, and the packages whose holes would come with a use that the hub does not have.
ABSENT = ("python-multipart", "fastapi")


def _lines(lock: str) -> Iterator[str]:
    """Yield each requirement of a lock with its hashes, as one line."""
    text = LOCKS[lock].read_text(encoding="utf-8").replace("\\\n", " ")
    yield from (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def _pinned(lock: str) -> dict[str, Requirement]:
    requirements = [Requirement(line.partition(" --hash")[0]) for line in _lines(lock)]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def _version_in(requirement: Requirement) -> str:
    return next(iter(requirement.specifier)).version


class TestLocks:
    @every_lock
    def test_every_line_is_exact_and_hashed(self, lock: str) -> None:
        """Each line names one version and at least one SHA-256, and nothing else can be installed."""
        lines = list(_lines(lock))
        assert lines
        pattern = r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [^\\]+?)?( +--hash=sha256:[0-9a-f]{64})+\s*"
        assert [] == [line for line in lines if not re.fullmatch(pattern, line)]

    @every_lock
    def test_no_address(self, lock: str) -> None:
        """A lock names packages, not the place they come from: that is the machine's business."""
        text = LOCKS[lock].read_text(encoding="utf-8")
        assert "://" not in text
        assert not re.search(r"^\s*(-|#.*(index-url|find-links|trusted-host))", text.replace("    --hash", ""), re.M)

    @every_lock
    def test_nothing_twice(self, lock: str) -> None:
        """No package stands in a lock in two versions."""
        assert len(list(_lines(lock))) == len(_pinned(lock))

    def test_dev_holds_what_runs(self) -> None:
        """The tests run on the versions and hashes that the image runs on."""
        dev = set(_lines("dev"))
        assert set() == {line for lock in ("runtime", "otel", "cluster", "build") for line in _lines(lock)} - dev

    def test_lock_follows_the_project(self) -> None:
        """Every dependency of pyproject.toml is locked, in a version that it allows."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        declared = [Requirement(line) for line in project["dependencies"]]
        # The contracts are built from this tree, as the hub is.
        declared = [requirement for requirement in declared if requirement.name != "notification-hub-contracts"]
        runtime = _pinned("runtime")
        assert declared
        for requirement in declared:
            assert _version_in(runtime[canonicalize_name(requirement.name)]) in requirement.specifier, requirement

    @pytest.mark.parametrize("extra", ["otel", "cluster"])
    def test_extras_are_locked_with_what_runs(self, extra: str) -> None:
        """The lock of an extra has the packages it names, in versions it allows, and all that the hub runs on."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        locked = _pinned(extra)
        for requirement in map(Requirement, project["optional-dependencies"][extra]):
            assert _version_in(locked[canonicalize_name(requirement.name)]) in requirement.specifier, requirement
        assert set() == set(_lines("runtime")) - set(_lines(extra))

    @pytest.mark.parametrize("package", ["uvicorn", "uvloop", "httptools", "websockets", "msgspec"])
    def test_what_is_used_inside_is_exact(self, package: str) -> None:
        """The hub depends on internals of these (hub/edge/README.md), so pyproject.toml has their exact versions."""
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert re.search(rf'^  "{package}==\d+\.\d+(\.\d+)?",$', project, re.M)


class TestNpmLock:
    @pytest.mark.parametrize("folder", ["clients", "console"])
    def test_every_package_is_hashed_and_none_has_an_address(self, folder: str) -> None:
        """A lock names packages and hashes; where they come from is the machine's business here too."""
        lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
        installed = {
            path: package
            for path, package in lock["packages"].items()
            if "node_modules/" in path and not package.get("link")
        }
        assert installed
        assert [] == [path for path, package in installed.items() if not package["integrity"].startswith("sha512-")]
        assert [] == [path for path, package in installed.items() if "resolved" in package]


class TestFloors:
    @pytest.mark.parametrize("name", FLOORS)
    def test_lock(self, name: str) -> None:
        """No lock goes below the version that mended a published hole."""
        floor, hole = FLOORS[name]
        assert Version(floor) <= Version(_version_in(_pinned("runtime")[name])), hole

    @pytest.mark.parametrize("name", FLOORS)
    def test_running(self, name: str) -> None:
        """Neither does what is running now."""
        floor, hole = FLOORS[name]
        assert Version(floor) <= Version(version(name)), hole

    def test_sqlite(self) -> None:
        """The SQLite that apsw carries is later than the WAL-reset corruption."""
        assert SQLITE_FLOOR <= Version(apsw.sqlite_lib_version())
        assert apsw.using_amalgamation

    @pytest.mark.parametrize("name", ABSENT)
    def test_absent(self, name: str) -> None:
        """What the hub does not use is not there to be attacked."""
        assert name not in _pinned("dev")
        with pytest.raises(PackageNotFoundError):
            version(name)


class TestEnvironment:
    def test_is_the_locked_one(self) -> None:
        """Every locked package that this platform needs is installed in its locked version."""
        installed = {str(canonicalize_name(found.metadata["Name"])): found.version for found in distributions()}
        wrong = {
            name: (installed.get(name), _version_in(requirement))
            for name, requirement in _pinned("dev").items()
            if (requirement.marker is None or requirement.marker.evaluate())
            and installed.get(name) != _version_in(requirement)
        }
        assert {} == wrong


#: The Containerfile's instructions, each with what stands after it.
STEPS = [
    line.split(None, 1)
    for line in (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def _arguments(instruction: str, *, stage: int = -1) -> list[str]:
    """Return what stands after each `instruction` in a stage; in the last one when not told."""
    starts = [place for place, (name, _) in enumerate(STEPS) if name == "FROM"] + [len(STEPS)]
    begin, end = (starts[-2], starts[-1]) if stage == -1 else (starts[stage], starts[stage + 1])
    return [rest for name, rest in STEPS[begin:end] if name == instruction]


class TestContainerfile:
    """The image's recipe, read; `make image-check` builds it."""

    def test_two_stages(self) -> None:
        """What builds the hub is not in what runs it, and both start from the same base."""
        assert ["${BASE} AS build", "${BASE}"] == [rest for name, rest in STEPS if name == "FROM"]
        assert "BASE=docker.io/library/python:3.11-slim" == next(rest for name, rest in STEPS if name == "ARG")

    def test_installs_only_hashed_locks(self) -> None:
        """Every installation is of a hashed lock, or of the hub alone with no index to ask."""
        installs = [step for step in _arguments("RUN", stage=0) if '"install"' in step or " install " in step]
        assert 3 == len(installs)
        for step in installs:
            locked = "--require-hashes" in step and re.search(r'"requirements/(build|compiler|\$\{lock\})\.txt"', step)
            assert locked or ("--no-deps" in step and "--no-index" in step), step
        assert "LOCK=runtime" in _arguments("ARG", stage=0)
        assert not [step for step in _arguments("RUN") if "pip" in step or "apt" in step]

    def test_holds_no_moment_but_the_one_it_is_given(self) -> None:
        """Both stages know SOURCE_DATE_EPOCH, and no bytecode names the time of a file."""
        for stage in (0, -1):
            assert "SOURCE_DATE_EPOCH" in _arguments("ARG", stage=stage)
        into_the_hub = [
            step for step in _arguments("RUN", stage=0) if "/opt/hub/bin/python" in step and "install" in step
        ]
        assert 2 == len(into_the_hub)
        assert [] == [step for step in into_the_hub if "--no-compile" not in step]
        compiles, dates = _arguments("RUN", stage=0)[-2:]
        assert '"--invalidation-mode", "unchecked-hash"' in compiles
        assert "touch" in dates

    def test_does_not_run_as_root(self) -> None:
        """The last word on the user is a number, so that a cluster can check that it is not 0."""
        assert ["10001:10001"] == _arguments("USER")

    def test_commands_are_exec_form(self) -> None:
        """Without a shell between them, SIGTERM reaches the hub and the hub drains."""
        assert ["hub"] == json.loads(_arguments("ENTRYPOINT")[0])
        assert ["serve"] == json.loads(_arguments("CMD")[0])
        assert ["SIGTERM"] == _arguments("STOPSIGNAL")

    def test_health_check(self) -> None:
        """The image checks itself with the hub's own command, within a deadline."""
        (check,) = _arguments("HEALTHCHECK")
        options, _, command = check.partition(" CMD ")
        assert ["hub", "check", "--live"] == json.loads(command)
        assert re.search(r"--timeout=\d+s", options)

    def test_writes_only_to_its_volume(self) -> None:
        """The log's folder is the volume, so the rest of the file system can be read-only."""
        assert ["/data"] == _arguments("VOLUME")
        (environment,) = _arguments("ENV")
        assert {"HUB_DATA_DIR=/data", "HUB_HOST=0.0.0.0", "PYTHONDONTWRITEBYTECODE=1"} <= set(environment.split())

    def test_context_holds_what_is_copied(self) -> None:
        """.containerignore lets through what the Containerfile copies, and nothing more of the folder."""
        lines = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
        allowed = {line[1:] for line in lines if line.startswith("!")}
        copied = {source for step in _arguments("COPY", stage=0) for source in step.split()[:-1]}
        assert "*" in lines
        assert allowed == {re.sub(r"/\w+\.txt$", "/*.txt", source) for source in copied}
        for source in copied:
            assert (ROOT / source).exists(), source


def test_spelling_is_looked_at_in_our_own_files_alone() -> None:
    """Also where there is no git to say which these are: what .gitignore has, typos is told as well."""
    ignored = [line for line in (ROOT / ".gitignore").read_text().splitlines() if line and not line.startswith("#")]
    told = tomllib.loads((ROOT / "typos.toml").read_text())["files"]["extend-exclude"]
    assert set() == set(ignored) - set(told)
