"""The hub's pages: each one file, nothing loaded from elsewhere.

What a page shows is put into it as text, never as markup, and the policy it is served with lets nothing run but the
script and the style it came with (by their hashes), so that a company's own descriptions cannot become code.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Literal

__all__ = ["PageName", "page_headers", "read_page"]

#: `page` shows the API document, `front` says at `/` what this is.
PageName = Literal["page", "front"]


@cache
def read_page(name: PageName = "page") -> bytes:
    """Return a page."""
    return files("hub.api").joinpath(f"{name}.html").read_bytes()


@cache
def page_headers(name: PageName = "page") -> dict[str, str]:
    """Return the headers a page is served with, next to its content type."""
    policy = (
        "default-src 'none'",
        "connect-src 'self'",
        f"script-src {_hashes(name, 'script')}",
        f"style-src {_hashes(name, 'style')}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "content-security-policy": "; ".join(policy),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }


def _hashes(name: PageName, element: str) -> str:
    """Return the CSP sources of what stands inside this kind of element (CSP level 3, section 6.7.2)."""
    found = re.findall(rb"<%b>(.*?)</%b>" % (element.encode(), element.encode()), read_page(name), re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(text).digest()).decode()}'" for text in found) or "'none'"
