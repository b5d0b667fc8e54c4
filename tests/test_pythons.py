"""Which Pythons the quick tests run on, beside the one that runs all of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.pythons import ELSEWHERE, QUICK, ROOT, find_python, supported_versions

HERE = ".".join(map(str, sys.version_info[:2]))


def make_python(folder: Path, version: str, says: str) -> Path:
    """Put a program in the folder that calls itself an interpreter of another version, or fails."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"python{version}"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    return program


def test_supported_versions() -> None:
    """The versions are those that the package says it runs on; the tests run on one of them."""
    assert "3.11" in supported_versions()
    assert HERE in supported_versions()


def test_one_on_the_path_is_found(tmp_path: Path) -> None:
    """An interpreter that is named after its version is taken."""
    there = make_python(tmp_path / "bin", "3.99", "echo 3 99 | tr ' ' .")
    assert there == find_python("3.99", path=str(tmp_path / "bin"), pyenv=tmp_path)


@pytest.mark.parametrize("says", ["echo 3.98", "exit 127"])
def test_one_that_is_not_what_its_name_says_is_passed_over(tmp_path: Path, says: str) -> None:
    """A stand-in of pyenv's that would start nothing is no interpreter; the newest below its folder is."""
    make_python(tmp_path / "bin", "3.99", says)
    assert find_python("3.99", path=str(tmp_path / "bin"), pyenv=tmp_path) is None
    for release in ("3.99.2", "3.99.10"):
        make_python(tmp_path / "versions" / release / "bin", "", "echo 3.99")
    found = find_python("3.99", path=str(tmp_path / "bin"), pyenv=tmp_path)
    assert tmp_path / "versions/3.99.10/bin/python" == found


def test_none_is_none(tmp_path: Path) -> None:
    """A version that the machine has not is not found, so that it can be named."""
    assert find_python("3.99", path=str(tmp_path), pyenv=tmp_path) is None


def test_what_is_run_exists() -> None:
    """A folder that was renamed would be left out without a word."""
    assert [] == [path for path in (*QUICK, *ELSEWHERE) if not (ROOT / path).exists()]
