"""The pages: what `/` says, and that both work wherever a proxy puts the hub."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from hub.api.handlers.front import find_prefix
from tests.harness import RunningHub, run_hub


def links(page: httpx.Response) -> set[str]:
    """Return where the links of a page lead."""
    return {urljoin(str(page.url), link) for link in re.findall(r'href="([^"]+)"', page.text)}


async def test_the_front_page_leads_on(hub: RunningHub) -> None:
    """`/` is a page under a strict policy whose every link answers."""
    page = await hub.http.get("/")
    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "unsafe" not in policy
    assert 8 == len(links(page))
    for link in links(page):
        assert 200 == (await hub.http.get(link)).status_code, link
    assert 'rel="service-desc"' in page.headers["link"]


async def test_without_a_document_nothing_points_at_it(tmp_path: Path) -> None:
    """With `HUB_SCHEMA` off the page has no dead link."""
    async with run_hub(tmp_path, schema_public=False) as hub:
        page = await hub.http.get("/")
        assert "schema" not in page.text + page.headers["link"]
        for link in links(page):
            assert 200 == (await hub.http.get(link)).status_code, link


async def test_a_prefix_stands_before_every_link(hub: RunningHub) -> None:
    """Told the path it is served under, the hub names it; at `/hub/` relative links do without."""
    page = await hub.http.get("/", headers={"x-forwarded-prefix": "/tools/hub/"})
    assert "/tools/hub/schema/openapi.json" in {httpx.URL(link).path for link in links(page)}
    assert "</tools/hub/schema>" in page.headers["link"]
    relative = await hub.http.get("/")
    assert "https://x.example/hub/schema" == urljoin(
        "https://x.example/hub/", re.findall('href="([^"]+)"', relative.text)[0]
    )
    document = await hub.http.get("/schema/openapi.json", headers={"x-forwarded-prefix": "/tools/hub"})
    assert ["/tools/hub"] == [server["url"] for server in document.json()["servers"]]
    assert ["/"] == [server["url"] for server in (await hub.http.get("/schema/openapi.json")).json()["servers"]]


@pytest.mark.parametrize(
    "prefix", ['/"><script>', "//evil.example", "/a/../b\r\n", "javascript:", "", "/", "/a b", "/%2e"]
)
def test_an_odd_prefix_is_none(prefix: str) -> None:
    """A prefix that is not a path of plain segments goes into no page."""
    assert find_prefix([(b"x-forwarded-prefix", prefix.encode())]) is None


def test_two_prefixes_are_none() -> None:
    """Which of two proxies is right cannot be known."""
    assert find_prefix([(b"x-forwarded-prefix", b"/a"), (b"x-forwarded-prefix", b"/b")]) is None


async def test_a_charset_is_said_once(hub: RunningHub) -> None:
    """No content type says `charset` twice, and JSON, which is UTF-8 by itself, not at all."""
    for path in ("/", "/schema", "/schema/openapi.json", "/health/live", "/metrics", "/nothing", "/sse", "/streams/me"):
        answer = await hub.http.get(path, headers=hub.headers())
        kind = answer.headers["content-type"]
        assert (0 if "json" in kind else 1) == kind.count("charset"), (path, kind)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/schema", "/schema/openapi.json", "/metrics"])
async def test_a_slash_at_the_end_changes_nothing(hub: RunningHub, path: str) -> None:
    """A path with one more slash is the same route."""
    assert (await hub.http.get(path, headers=hub.headers())).status_code == 200
    assert (await hub.http.get(f"{path}/", headers=hub.headers())).status_code == 200
