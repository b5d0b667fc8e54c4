"""The guide on confirmations: its verification works in Python and in TypeScript, against what the hub signs."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.webhooks.request import make_fields

GUIDE = (Path(__file__).parents[2] / "docs/guides/confirmations.md").read_text(encoding="utf-8")
TSC = Path(__file__).parents[2] / "clients/node_modules/typescript/bin/tsc"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = '{"type":"notification.unconfirmed","data":{"user":"João"}}'

Verify = Callable[[bytes, dict[str, str], str], bool]


def snippet(language: str) -> str:
    """Return the guide's only code in this language."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(code)


def in_python(folder: Path) -> Verify:
    """Return the guide's function in Python."""
    scope: dict[str, Any] = {}
    exec(snippet("python"), scope)  # the guide's own code
    return lambda body, headers, secret: scope["read_event"](body, headers, secret) is not None


def in_typescript(folder: Path) -> Verify:
    """Return the guide's function in TypeScript, compiled as a service would."""
    (folder / "verify.ts").write_text(snippet("ts"))
    compile_it = ["node", str(TSC), "--target", "es2022", "--module", "nodenext", "--strict", "verify.ts"]
    types = ["--types", "node", "--typeRoots", str(TSC.parents[2] / "@types")]
    (folder / "package.json").write_text('{"type":"module"}')
    subprocess.run([*compile_it, *types], cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    run = "import { isFromHub } from './verify.js';\nimport { readFileSync } from 'node:fs';\n"
    run += "const [body, headers, secret] = JSON.parse(readFileSync(0, 'utf8'));\n"
    run += "console.log(isFromHub(Buffer.from(body, 'base64'), headers, secret));\n"
    (folder / "run.mjs").write_text(run)

    def verify(body: bytes, headers: dict[str, str], secret: str) -> bool:
        command = ["node", "run.mjs"]
        asked = json.dumps([base64.b64encode(body).decode(), headers, secret])
        done = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip() == "true"

    return verify


@pytest.mark.parametrize("make", [in_python, in_typescript], ids=["python", "typescript"])
def test_verification(make: Callable[[Path], Verify], tmp_path: Path) -> None:
    """A request of the hub verifies, also during a rotation; a changed, an old and a foreign one do not."""
    verify, now_s = make(tmp_path), time.time()
    fields = dict(make_fields("msg_1", BODY, [SECRET], now_s=now_s))
    assert verify(BODY.encode(), fields, SECRET)
    rotated = dict(make_fields("msg_1", BODY, ["whsec_" + "A" * 44, SECRET], now_s=now_s))
    assert verify(BODY.encode(), rotated, SECRET)
    assert not verify(BODY.encode() + b" ", fields, SECRET)
    assert not verify(BODY.encode(), {**fields, "webhook-id": "msg_2"}, SECRET)
    assert not verify(BODY.encode(), fields, "whsec_" + "A" * 44)
    assert not verify(BODY.encode(), dict(make_fields("msg_1", BODY, [SECRET], now_s=now_s - 3600)), SECRET)
    assert not verify(BODY.encode(), {"webhook-id": "msg_1"}, SECRET)
