"""The operator's page: what is served, with which policy, and that it works wherever a proxy puts the hub."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.harness import RunningHub, run_hub

BUILT = files("hub.api").joinpath("console")
FILES = {"": "text/html", "console.js": "text/javascript", "console.css": "text/css"}


async def test_the_page_is_served_under_a_strict_policy(hub: RunningHub) -> None:
    """Each file has its type and a policy that lets nothing run or load but the page's own two files."""
    for name, kind in FILES.items():
        answer = await hub.http.get(f"/console/{name}")
        assert (200, f"{kind}; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
        assert BUILT.joinpath(name or "index.html").read_bytes() == answer.content
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert ("'none'", "'self'", "'self'", "'self'") == tuple(
            policy[f"{name}-src"] for name in ("default", "script", "style", "connect")
        )
        assert "'none'" == policy["frame-ancestors"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert ("nosniff", "no-referrer") == (
            answer.headers["x-content-type-options"],
            answer.headers["referrer-policy"],
        )


@pytest.mark.parametrize("prefix", ["", "/tools/hub"])
async def test_the_address_without_a_slash_leads_to_the_page(hub: RunningHub, prefix: str) -> None:
    """The redirect is relative, so that it is right under a path that the hub does not know."""
    answer = await hub.http.get("/console")
    assert 308 == answer.status_code
    assert f"https://x.example{prefix}/console/" == urljoin(
        f"https://x.example{prefix}/console", answer.headers["location"]
    )


async def test_a_file_that_has_not_changed_is_not_sent_again(hub: RunningHub) -> None:
    """A browser that has a file asks whether it changed, and gets 304 without a body; after a change the file."""
    first = await hub.http.get("/console/console.js")
    assert "no-cache" == first.headers["cache-control"]
    for known in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}', "*"):
        again = await hub.http.get("/console/console.js", headers={"if-none-match": known})
        assert (304, b"") == (again.status_code, again.content)
    changed = await hub.http.get("/console/console.js", headers={"if-none-match": '"older"'})
    assert (200, first.content) == (changed.status_code, changed.content)


async def test_the_page_is_absent_where_it_is_off(tmp_path: Path) -> None:
    """With `HUB_CONSOLE` off there is no page and no link to one; the stream is there for programs."""
    async with run_hub(tmp_path, console=False) as hub:
        for name in ("", "/", "/console.js", "/console.css"):
            answer = await hub.http.get(f"/console{name}")
            assert (404, "not_found") == (answer.status_code, answer.json()["code"])
        assert "console" not in (await hub.http.get("/")).text
        assert 401 == (await hub.http.get("/api/internal/observe")).status_code


def test_the_page_loads_nothing_from_elsewhere() -> None:
    """The built files name no other server, and the page's addresses are relative."""
    page = BUILT.joinpath("index.html").read_text()
    assert {"./console.js", "./console.css", "data:,"} == set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert [] == re.findall(r"<script(?![^>]*src)|<style|\son\w+=|style=", page)
    assert [] == re.findall(r"@import|\burl\(", BUILT.joinpath("console.css").read_text())
    addresses = set(re.findall(r"https?://[\w./-]+", BUILT.joinpath("console.js").read_text()))
    # Names of XML namespaces, which nobody loads.
    assert [] == [address for address in addresses if not address.startswith("http://www.w3.org/")]


def test_the_page_keeps_nothing() -> None:
    """The script uses no storage and no cookie, and makes no markup or code of text."""
    script = BUILT.joinpath("console.js").read_text()
    assert [] == re.findall(r"localStorage|sessionStorage|indexedDB|document\.cookie|\beval\(|new Function", script)


def test_the_page_is_small() -> None:
    """Everything together is less than a photograph, also for a phone."""
    assert 120_000 > sum(len(BUILT.joinpath(name or "index.html").read_bytes()) for name in FILES)
