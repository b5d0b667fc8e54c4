"""What OPTIONS says of every path of the document."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness import RunningHub

PATHS = json.loads((Path(__file__).parents[2] / "openapi/openapi.json").read_text(encoding="utf-8"))["paths"]
METHODS = {"get", "put", "post", "delete", "patch"}


async def test_allow_names_every_documented_method(hub: RunningHub) -> None:
    """`Allow` of OPTIONS names what the document has for the path, also where several handlers share it."""
    wrong = {}
    for path, item in PATHS.items():
        answer = await hub.http.options(path.replace("{id}", "00000000-0000-4000-8000-000000000000"))
        allowed = {method.strip() for method in answer.headers.get("allow", "").split(",")}
        documented = {method.upper() for method in METHODS & set(item)}
        if answer.status_code != 204 or not documented <= allowed - {"OPTIONS", "HEAD"}:
            wrong[path] = answer.status_code, allowed
    assert {} == wrong
