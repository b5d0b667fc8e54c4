"""`hub push init`: a key that the hub can use, made once, and readable by its owner alone."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from click.testing import CliRunner

from hub.cli import main
from hub.push.vapid import Vapid, read_key


def test_a_key_is_made_and_what_to_set_is_printed(tmp_path: Path) -> None:
    """The file has mode 0600 and a key; the output has its public key and both settings."""
    path = tmp_path / "push.pem"
    done = CliRunner().invoke(main, ["push", "init", str(path)])
    assert 0 == done.exit_code
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert f"HUB_PUSH_KEY_FILE={path}\n" in done.stdout
    assert "HUB_PUSH_SUBJECT=mailto:" in done.stdout
    assert Vapid(read_key(path), "").public_key in done.stdout
    assert "PRIVATE" not in done.stdout


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    """A second call fails in one line, and the key stays."""
    path = tmp_path / "push.pem"
    CliRunner().invoke(main, ["push", "init", str(path)])
    key = path.read_bytes()
    done = CliRunner().invoke(main, ["push", "init", str(path)])
    assert (2, 1) == (done.exit_code, done.stderr.count("\n"))
    assert "would make every subscription void" in done.stderr
    assert key == path.read_bytes()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A file that cannot be written is one line that says why."""
    done = CliRunner().invoke(main, ["push", "init", str(tmp_path / "nowhere" / "push.pem")])
    assert 2 == done.exit_code
    assert re.fullmatch(r"hub: .*/nowhere/push.pem cannot be written: No such file or directory\n", done.stderr)
