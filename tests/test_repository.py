"""What a forge, git and Dependabot read of this repository, compared with what the Makefile and the packages say."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
GITHUB = ROOT / ".github"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
#: What a file is called that pre-commit says is of this type.
SUFFIXES = {"python": "py", "ts": "ts", "text": "txt"}
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def read_yaml(path: str) -> Any:
    """Return what a file of YAML holds."""
    # Litestar brings it, without types.
    return importlib.import_module("yaml").safe_load((ROOT / path).read_text(encoding="utf-8"))


class TestWorkflow:
    workflow = read_yaml(".github/workflows/ci.yml")
    job = workflow["jobs"]["test"]

    def test_runs_on_every_supported_version(self) -> None:
        """The matrix has each Python that the package names, and Node from the lowest supported one to 24."""
        pairs = self.job["strategy"]["matrix"]["include"]
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
        assert named == [pair["python"] for pair in pairs]
        lowest = json.loads((ROOT / "clients/package.json").read_text(encoding="utf-8"))["engines"]["node"]
        assert f">={min(pair['node'] for pair in pairs)}" == lowest
        assert {20, 22, 24} == {pair["node"] for pair in pairs}

    def test_does_what_a_developer_does(self) -> None:
        """Every command is the script that a developer has too, or a target of make."""
        commands = [step["run"] for job in self.workflow["jobs"].values() for step in job["steps"] if "run" in step]
        assert commands
        for command in commands:
            assert command == ".ci/run" or command.removeprefix("make ") in TARGETS, command
        assert {"setup", "wheel-check", "pythons", "test"} == set(
            re.findall(r"^(?:timeout .*)?make ([\w-]+)(?: >.*)?$", self.script(), re.M)
        )

    def script(self) -> str:
        """Return what runs in CI."""
        return (ROOT / ".ci/run").read_text(encoding="utf-8")

    def test_takes_other_peoples_actions_by_their_hash(self) -> None:
        """A tag can be moved to other code; a commit cannot."""
        used = re.findall(r"uses: (\S+)(.*)", (GITHUB / "workflows/ci.yml").read_text(encoding="utf-8"))
        assert used
        for action, comment in used:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action

    def test_may_only_read_and_must_end(self) -> None:
        """A run can change nothing in the repository, keeps no credential, and has a deadline."""
        assert {"contents": "read"} == self.workflow["permissions"]
        for job in self.workflow["jobs"].values():
            assert job["timeout-minutes"] > 0
            assert "permissions" not in job
            checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
            assert [False] == [step["with"]["persist-credentials"] for step in checkouts]


class TestUpdates:
    updates = read_yaml(".github/dependabot.yml")["updates"]

    def test_every_npm_lock_is_kept_up(self) -> None:
        """Each folder with a lock of npm's is looked at."""
        (npm,) = (update for update in self.updates if update["package-ecosystem"] == "npm")
        locks = [lock.relative_to(ROOT) for lock in ROOT.glob("[!.]*/**/package-lock.json")]
        made = {"node_modules", "build", "dist"}
        assert set(npm["directories"]) == {f"/{lock.parent}" for lock in locks if not made.intersection(lock.parts)}

    def test_nothing_young_is_taken(self) -> None:
        """Dependabot waits as long as `make lock` does."""
        (days,) = re.findall(r"^COOL_DOWN_DAYS \?= (\d+)$", MAKEFILE, re.MULTILINE)
        assert {int(days)} == {update["cooldown"]["default-days"] for update in self.updates}
        assert "--exclude-newer" in MAKEFILE.partition("\nLOCK = ")[2].partition("\n\n")[0]


class TestHooks:
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]

    def test_nothing_is_fetched(self) -> None:
        """Every hook is a program of the locked environments."""
        assert "local" == self.repository["repo"]
        for hook in self.repository["hooks"]:
            assert "system" == hook["language"]
            assert hook["entry"].startswith((".venv/bin/", "clients/node_modules/.bin/"))
            assert (ROOT / hook["entry"].split()[0]).exists(), hook["id"]

    def test_are_what_make_test_runs(self) -> None:
        """A commit that the hooks let through passes the same tools in CI."""
        recipe = re.search(r"^test: .*?\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
        assert recipe is not None
        run = {tool.lower() for tool in re.findall(r"\$\((?:BIN\)/)?(ruff|mypy|typos|BIOME)", recipe[1])}
        assert {Path(hook["entry"].split()[0]).name for hook in self.repository["hooks"]} == run

    @pytest.mark.parametrize(
        ("kind", "text", "hooks"),
        [
            ("python", "x = 1;y=2\n", {"ruff-format", "ruff"}),
            ("ts", "export const x = 1\nexport const s = ''\n", {"biome"}),
            ("text", f"A {'sen' + 'tense'}.\n", {"typos"}),
        ],
    )
    def test_finds_what_is_wrong(self, kind: str, text: str, hooks: set[str]) -> None:
        """Each hook that reads a file of this kind stops a commit of one that is wrong, and of none that is right."""
        # Biome looks only where biome.json says, so the file stands in the tree.
        file = ROOT / f"clients/browser/tests/hook-{os.getpid()}.{SUFFIXES[kind]}"
        try:
            assert set() == self.stop(file, kind, "")
            assert hooks == self.stop(file, kind, text)
        finally:
            file.unlink(missing_ok=True)

    def stop(self, file: Path, kind: str, text: str) -> set[str]:
        """Return the hooks that fail on a file with this text, or change it, which stops a commit as well."""
        stopped = set()
        for hook in self.repository["hooks"]:
            if kind in {*hook.get("types", ()), *hook.get("types_or", ())} and hook.get("pass_filenames", True):
                file.write_text(text)
                done = subprocess.run([*hook["entry"].split(), file], cwd=ROOT, capture_output=True, timeout=60)
                if done.returncode or text != file.read_text():
                    stopped.add(hook["id"])
        return stopped


class TestForms:
    @pytest.mark.parametrize("form", sorted(path.name for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml")))
    def test_issue_form(self, form: str) -> None:
        """A form asks for something, and each of its questions has a name and a label."""
        content = read_yaml(f".github/ISSUE_TEMPLATE/{form}")
        if form == "config.yml":
            assert {"blank_issues_enabled": False} == content
            return
        assert {"name", "description", "body"} <= content.keys()
        questions = [part for part in content["body"] if part["type"] != "markdown"]
        assert len(questions) == len({question["id"] for question in questions})
        assert all(question["attributes"]["label"] for question in questions)
        assert any(question.get("validations", {}).get("required") for question in questions)

    def test_owned_paths_exist(self) -> None:
        """Every pattern of the code owners matches something."""
        lines = (GITHUB / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
        patterns = [line.split()[0] for line in lines if line and not line.startswith("#")]
        assert "*" == patterns[0]
        assert [] == [pattern for pattern in patterns[1:] if not (ROOT / pattern.strip("/")).exists()]


def test_node_is_the_process_that_was_started() -> None:
    """The `node` that the tests start is Node itself, not a script around it: what is killed must have ended."""
    process = subprocess.Popen(["node", "-e", "console.log(process.pid)"], stdout=subprocess.PIPE, text=True)
    told, _ = process.communicate(timeout=20)
    assert process.pid == int(told)
