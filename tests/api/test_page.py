"""The page that shows the API document."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from hub.api.page import page_headers, read_page

PAGE = read_page().decode()


def test_page_loads_nothing_from_elsewhere() -> None:
    """The page works without a network: no address but the hub's own, no import, no image, no font."""
    assert [] == re.findall(r"https?://|//[a-z]+\.|@import|\burl\(|<link|<img|<iframe|src=|import\(", PAGE)


def test_page_links_to_what_is_beside_it() -> None:
    """No link starts at the root, where a proxy that serves the hub under a path has something else."""
    assert {"openapi-3.0.json", "asyncapi.json", "frames.json"} == set(re.findall(r'href: beside\("([^"]+)"\)', PAGE))
    assert [] == re.findall(r'href(?:: |=)"/', PAGE)


def test_page_makes_no_markup_of_data() -> None:
    """Nothing from the document is ever parsed as markup or run."""
    assert [] == re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser", PAGE
    )
    # Inline handlers and style attributes would need the policy to be opened.
    assert [] == re.findall(r"<[^>]+\s(?:on\w+|style)=", PAGE)


def test_policy_allows_the_page_and_nothing_else() -> None:
    """The policy names the one script and the one style by their hashes, and what it fetches."""
    headers = page_headers()
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert "'none'" == policy["default-src"]
    assert "'self'" == policy["connect-src"]
    for element in ("script", "style"):
        (inside,) = re.findall(rf"<{element}>(.*?)</{element}>", PAGE, re.DOTALL)
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert f"'sha256-{digest}'" == policy[f"{element}-src"]
    assert "unsafe" not in headers["content-security-policy"]
