"""The page that shows the API document: one file, nothing loaded from elsewhere.

What it shows is put into the page as text, never as markup, and the policy it is served with lets
nothing run but the script and the style it came with (by their hashes), so that a company's own
descriptions cannot become code.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

__all__ = ["page_headers", "read_page"]


@cache
def read_page() -> bytes:
    """Return the page."""
    return files("hub.api").joinpath("page.html").read_bytes()


@cache
def page_headers() -> dict[str, str]:
    """Return the headers the page is served with, next to its content type."""
    policy = (
        "default-src 'none'",
        "connect-src 'self'",
        f"script-src {_hashes('script')}",
        f"style-src {_hashes('style')}",
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


def _hashes(element: str) -> str:
    """Return the CSP sources of what stands inside this kind of element (CSP level 3, section 6.7.2)."""
    found = re.findall(rb"<%b>(.*?)</%b>" % (element.encode(), element.encode()), read_page(), re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(text).digest()).decode()}'" for text in found)
