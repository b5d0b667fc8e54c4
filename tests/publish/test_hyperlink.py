"""Where the link of a notification may lead: never to a script, never to a host that is not allowed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.errors import InvalidField
from hub.publish.body import parse_batch, parse_publish
from hub.publish.hyperlink import normalize_link
from hub.publish.registry import load_type_registry

ALLOWED = frozenset({"https://app.example.com", "http://localhost:5173", "https://[2001:db8::1]"})
BASE = "https://page.example.org/some/page?q#f"
#: What a browser says of a link: None where it cannot be parsed.
Parse = Callable[[str], dict[str, Any] | None]

TAKEN = [
    ("/", "/"),
    ("/orders/1234", "/orders/1234"),
    ("/orders?id=1&b=%20#top", "/orders?id=1&b=%20#top"),
    ("/pedidos/ação", "/pedidos/a%C3%A7%C3%A3o"),
    ("/a b", "/a%20b"),
    ("/a/./b/../c", "/a/c"),
    ("/a/%2e%2E/b/.%2e/c/%2e", "/c/"),
    ("/../../a", "/a"),
    ("/a//b", "/a//b"),
    ("/a?x=//evil.example/..", "/a?x=//evil.example/.."),
    ("/a?q=\"<>'", "/a?q=%22%3C%3E%27"),
    ("/javascript:alert(1)", "/javascript:alert(1)"),
    ("/@evil.example", "/@evil.example"),
    ("https://app.example.com", "https://app.example.com/"),
    ("https://app.example.com?x", "https://app.example.com/?x"),
    ("HTTPS://APP.example.COM:443/A", "https://app.example.com/A"),
    ("http://localhost:5173/x", "http://localhost:5173/x"),
    ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
]
REFUSED = [
    "",
    " ",
    "orders/1",
    "?x",
    "#x",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript://app.example.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://app.example.com/1",
    "file:///etc/passwd",
    "//evil.example",
    "///evil.example",
    "//..",
    "//../a",
    "//%2e%2e/a",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/a/..//evil.example",
    "/%2e//evil.example",
    "/a/%2E%2e//evil.example",
    "https://app.example.com//x",
    "https://app.example.com/..//x",
    "https:/evil.example",
    "https:evil.example",
    "https:///evil.example",
    "https://evil.example",
    "https://app.example.com.evil.example",
    "https://app.example.com@evil.example",
    "https://user@app.example.com",
    "https://user:pass@app.example.com",
    "https://app.example.com:pass@evil.example",
    "https://evil.example\\@app.example.com",
    "https://app.example.com\\.evil.example",
    "https://evil.example#@app.example.com",
    "https://evil.example?@app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com:",
    "https://app.example.com:443x/",
    "https://app%2eexample.com",
    "https://app。example.com",
    "https://ａpp.example.com",
    "https://app.example.com.",
    "http://app.example.com",
    "https://app.example.com%00.evil.example",
    "https://[::ffff:127.0.0.1]",
    "ftp://app.example.com",
    "/a\u2028b",
    "/a\x7fb",
    "/a\x85b",
    "/a ",
]


@pytest.fixture(scope="module")
def parse() -> Iterator[Parse]:
    """What the reference implementation of the WHATWG URL standard says."""
    node = shutil.which("node")
    assert node, "Node is needed, as for the clients"
    program = Path(__file__).with_name("url_parser.mjs")
    with subprocess.Popen([node, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(link: str) -> dict[str, Any] | None:
            print(json.dumps([[link, BASE]]), file=process.stdin, flush=True)
            assert process.stdout is not None
            found: list[dict[str, Any] | None] = json.loads(process.stdout.readline())
            return found[0]

        yield ask
        process.stdin.close()
        process.wait(timeout=10)


@pytest.mark.parametrize(("link", "normal"), TAKEN)
def test_taken(link: str, normal: str) -> None:
    """A path, or a URL of an allowed origin, is taken and written as a browser writes it."""
    assert normal == normalize_link(link, ALLOWED)


@pytest.mark.parametrize("link", REFUSED, ids=ascii)
def test_refused(link: str) -> None:
    """What leads elsewhere, or where parsers could disagree, is refused; the error names the field and not the link."""
    with pytest.raises(InvalidField) as refusal:
        normalize_link(link, ALLOWED)
    assert "$.link" == refusal.value.field
    assert "evil" not in refusal.value.detail


def check(link: str, parse: Parse) -> None:
    """Raise where a link that is taken leads a browser anywhere but where it may."""
    try:
        normal = normalize_link(link, ALLOWED)
    except InvalidField:
        return
    for text in (link, normal):
        there = parse(text)
        assert there is not None, text
        assert there["protocol"] in {"http:", "https:"}
        assert ("", "") == (there["username"], there["password"])
        if link.startswith("/"):
            assert "https://page.example.org" == there["origin"]
        else:
            assert there["origin"] in ALLOWED
    there = parse(link)
    assert there is not None
    written = there["href"].removeprefix("https://page.example.org") if link.startswith("/") else there["href"]
    assert normal == written
    assert normal == normalize_link(normal, ALLOWED)


#: Pieces that matter to a parser, so that what is drawn is close to what is dangerous.
PIECES = st.sampled_from(
    [
        *("/", "//", "\\", ":", "@", "?", "#", ".", "..", "%2e", "%2E", "%2f", "%5c", "%00", "%0a", "[", "]", ";", "&"),
        *("https", "http", "javascript", "data", "https://", "http://", "https:/", "app.example.com", "localhost"),
        *(":5173", ":443", ":80", "evil.example", "[2001:db8::1]", "127.1", "a", "é", "。", "\t", "\n", "\x00", " "),
        *("^", "|", "`", "{", "~", "+", "%", "%zz", "\u200b", "\u202e", "\U0001f600", "xn--", "_", "-", "'", '"', "<"),
    ]
)
LINKS = st.one_of(
    st.lists(PIECES, max_size=8).map("".join),
    st.lists(PIECES, max_size=6).map(lambda pieces: "/" + "".join(pieces)),
    st.lists(PIECES, max_size=6).map(lambda pieces: "https://app.example.com" + "".join(pieces)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(lambda text: "/" + text),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(link="/.//evil.example")
@example(link="/a/..\t//evil.example")
@example(link="/https://.https://.")
@example(link="/^")
@given(link=LINKS)
def test_a_browser_agrees(parse: Parse, link: str) -> None:
    """Whatever is taken leads a browser to the page's own origin or an allowed one, and is what it would write."""
    check(link, parse)


def test_long_links() -> None:
    """A link has 2,048 characters at most, counted as it is written for a browser."""
    assert 2048 == len(normalize_link("/" + "a" * 2047, ALLOWED))
    for link in ("/" + "a" * 2048, "/" + "é" * 400):
        with pytest.raises(InvalidField):
            normalize_link(link, ALLOWED)


REGISTRY = load_type_registry(["contracts.avelarsys"])
BODY = {"type": "cart_updated", "title": "t", "message": "m", "data": {"a": 1}, "everyone": True}


def test_publish_carries_the_link() -> None:
    """The link stands in what subscribers read, normalized; a publish without one has none."""
    parsed = parse_publish(msgspec.json.encode({**BODY, "link": "/a/../b"}), REGISTRY, now_s=0)
    payload = json.loads(parsed.payload("id"))
    assert ["type", "title", "message", "data", "link", "timestamp", "id"] == list(payload)
    assert "/b" == payload["link"]
    for none in ({}, {"link": None}):
        assert b"link" not in parse_publish(msgspec.json.encode({**BODY, **none}), REGISTRY, now_s=0).payload("id")


def test_batch_refuses_one_link_alone() -> None:
    """In a batch a bad link is that notification's problem, with its path."""
    batch = {"notifications": [{**BODY, "link": "//evil.example"}, {**BODY, "link": "/ok"}]}
    refused, taken = parse_batch(msgspec.json.encode(batch), REGISTRY, now_s=0)
    assert "$.notifications[0].link" == getattr(refused, "field", None)
    assert "cart_updated" == getattr(taken, "type", None)


@pytest.mark.parametrize("link", [7, "", "x" * 2049, ["/a"], {}])
def test_wrong_link(link: object) -> None:
    """What is not a text of a fitting length is a field of the wrong type."""
    with pytest.raises(InvalidField) as refusal:
        parse_publish(msgspec.json.encode({**BODY, "link": link}), REGISTRY, now_s=0)
    assert "$.link" == refusal.value.field
