"""URLs of servers: what can be connected to, and what is wrong with the others."""

from __future__ import annotations

import pytest

from hub.url import split_url


@pytest.mark.parametrize("text", ["http://hub", "https://hub.example.com:8443/base", "http://[::1]:8000", "http://u@h"])
def test_a_host_is_enough(text: str) -> None:
    """A host, and a port from 1 to 65535 if there is one, can be connected to."""
    assert split_url(text).hostname


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("http://[::1", "its host cannot be read"),
        ("http://", "it has no host"),
        ("https:///path", "it has no host"),
        ("http://hub:0", "its port is 0"),
        ("http://hub:65536", "its port is not a number up to 65535"),
        ("http://hub:http", "its port is not a number up to 65535"),
    ],
)
def test_the_fault_is_named(text: str, fault: str) -> None:
    """What is wrong is said, and nothing of the URL, which may hold a password."""
    with pytest.raises(ValueError, match=f"^{fault}$"):
        split_url(text)
