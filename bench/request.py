"""One request to a contestant, outside of what is measured."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from typing import Any

__all__ = ["post", "post_all"]

DEADLINE_S = 60.0


def post(port: int, path: str, body: bytes, headers: Iterable[str]) -> dict[str, Any]:
    """Post JSON to a local server and return the JSON of its response; `@TS@` becomes a time.

    Raises:
        RuntimeError: it was refused.
    """
    responses = post_all(port, [(path, body)], headers)
    content: dict[str, Any] = json.loads(responses[-1])
    return content


def post_all(port: int, requests: Iterable[tuple[str, bytes]], headers: Iterable[str]) -> list[bytes]:
    """Post bodies to paths, one after the other on one connection; return the contents of the responses.

    Raises:
        RuntimeError: one was refused.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    fields = dict(line.split(": ", 1) for line in headers)
    contents = []
    for path, body in requests:
        connection.request("POST", path, body.replace(b"@TS@", b"1"), fields)
        response = connection.getresponse()
        contents.append(response.read())
        if not 200 <= response.status < 300:
            raise RuntimeError(f"POST {path} was answered {response.status}: {contents[-1][:300]!r}")
    connection.close()
    return contents
