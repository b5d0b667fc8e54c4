"""AvAdmin's page and the hub on one origin: what the example's proxies pass on to the hub."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hub import routes
from tests.attacks.test_matrix import DOORS

FOLDER = Path(__file__).parents[2] / "examples/avadmin"
#: What takes a user's token; the example reads no Durable Streams.
PATHS = {path for (_, path), door in DOORS.items() if door.startswith("user")} - {routes.STREAM}


def test_the_proxy_of_the_demo_passes_every_users_path() -> None:
    """Each route that the bell asks for reaches the hub, and none of services or operators does."""
    (listed,) = re.findall(r"new Set\((\[.*?\])\)", (FOLDER / "proxy.mjs").read_text(), re.DOTALL)
    assert PATHS == set(json.loads(listed.replace(",\n]", "\n]")))


def test_nginx_passes_every_users_path() -> None:
    """As the proxy of the demo does; all else goes to the page."""
    (pattern,) = re.findall(r"location ~ (\S+) {", (FOLDER / "nginx.conf").read_text())
    assert PATHS == {path for _, path in DOORS if re.search(pattern, path)}
