"""The paths of the hub: each is written in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import routes
from hub.api.openapi.operations import OPERATIONS

ROOT = Path(__file__).parent.parent
PATHS = {getattr(routes, name) for name in routes.__all__}
#: A path at the beginning of a text, or behind a method; prose has it between backticks.
_PATH = re.compile(f"(?:[A-Z]+ )?(?:{'|'.join(re.escape(path) for path in PATHS - {routes.FRONT})})(?![\\w-])")


def find_paths(source: str) -> Iterator[str]:
    """Yield every text in this source that begins with a path of the hub."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if _PATH.match(text):
                yield text


def test_every_path_is_written_once() -> None:
    """No module beside `hub.routes` writes a path by itself."""
    modules = [path for path in sorted((ROOT / "hub").rglob("*.py")) if path.name != "routes.py"]
    assert {} == {str(path): found for path in modules if (found := [*find_paths(path.read_text(encoding="utf-8"))])}


@pytest.mark.parametrize("source", ['get("/ws")', 'f"{url}/sse?cursor={cursor}"', 'STAYING = b"GET /ws"', '"/metrics"'])
def test_path_is_found(source: str) -> None:
    """A path counts however it is written."""
    assert [*find_paths(source)]


def test_every_path_is_documented() -> None:
    """The routes and the API document's paths are the same ones."""
    assert {operation.path for operation in OPERATIONS} == PATHS
