"""Which URLs the hub requests for others, before a name is resolved."""

from __future__ import annotations

import pytest

from hub.outbound.destination import Destination, read_destination


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("https://hooks.test", Destination("https", "hooks.test", 443, "/"), "hooks.test"),
        ("https://Hooks.TEST:8443/a/b?c=d", Destination("https", "hooks.test", 8443, "/a/b?c=d"), "hooks.test:8443"),
        ("https://[2606:4700::1111]/x", Destination("https", "2606:4700::1111", 443, "/x"), "[2606:4700::1111]"),
        ("https://1.1.1.1", Destination("https", "1.1.1.1", 443, "/"), "1.1.1.1"),
    ],
)
def test_public_url(url: str, expected: Destination, authority: str) -> None:
    """An https URL is taken apart as it is requested."""
    assert expected == read_destination(url)
    assert authority == expected.authority


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.test/", "is http"),
        ("http://10.0.0.1/", "is http"),
        ("http://127.0.0.1:9/", "is http"),
        ("ftp://hooks.test/", "is not an https URL"),
        ("file:///etc/passwd", "it has no host"),
        ("hooks.test/x", "it has no host"),
        ("", "character"),
        ("https://", "it has no host"),
        ("https://user@hooks.test/", "user name"),
        ("https://user:secret@hooks.test/", "user name"),
        ("https://@hooks.test/", "user name"),
        ("https://hooks.test/#part", "fragment"),
        ("https://hooks.test/a b", "character"),
        ("https://hooks.test/a\r\nX: y", "character"),
        ("https://hooks.test\\@10.0.0.1/", "backslash"),
        ("https://bücher.test/", "character"),
        ("https://hooks.test:0/", "port is 0"),
        ("https://hooks.test:99999/", "port"),
        ("https://hooks.test/" + "a" * 2048, "longer"),
        ("https://127.0.0.1/", "private or reserved"),
        ("https://[::1]/", "private or reserved"),
        ("https://[::ffff:10.0.0.1]/", "private or reserved"),
        ("https://[fe80::1%25eth0]/", r"private or reserved|host cannot be read"),
        ("https://169.254.169.254/latest/meta-data/", "private or reserved"),
    ],
)
def test_refused_url(url: str, words: str) -> None:
    """Any other URL is refused in words that say why and do not repeat it."""
    with pytest.raises(ValueError, match=words) as raised:
        read_destination(url)
    assert "secret" not in str(raised.value)
    assert "hooks" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "https://10.0.0.1/"])
def test_private_url_where_allowed(url: str) -> None:
    """Where private addresses are allowed, http is too, on this machine."""
    assert read_destination(url, allow_private=True).target == "/"


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://hooks.test/", "https://169.254.169.254/"])
def test_refused_url_where_private_is_allowed(url: str) -> None:
    """http to another machine, and metadata services, are refused all the same."""
    with pytest.raises(ValueError, match=r"is http|private or reserved"):
        read_destination(url, allow_private=True)
