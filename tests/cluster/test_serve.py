"""`make serve-cluster` as a person meets it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cluster import serve


def test_a_port_that_is_taken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hub that runs already, from `make serve`, is told of in one line with the way out, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["serve", "--port", str(port), "--folder", str(tmp_path)])
        assert 1 == serve.main()
    said = capsys.readouterr().out
    assert 1 == len(said.splitlines())
    assert str(port) in said
    assert "--port 9000" in said
