"""The head of a request: what two parsers could read differently is refused, whatever form its target has is read."""

from __future__ import annotations

import pytest

from hub.edge.request_head import judge_head, judge_method, origin_form, without_offer
from hub.errors import HubError
from hub.header_fields import join_lines, list_tokens

HOST = (b"host", b"hub")


@pytest.mark.parametrize(
    ("method", "version", "headers", "status"),
    [
        (b"GET", "1.1", [HOST], None),
        (b"GET", "1.0", [], None),
        (b"GET", "0.9", [HOST], 400),
        (b"GET", "2.0", [HOST], 400),
        (b"GET", "1.1", [], 400),
        (b"GET", "1.1", [HOST, HOST], 400),
        (b"GET", "1.0", [HOST, HOST], 400),
        (b"CONNECT", "1.1", [HOST], 405),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"chunked")], None),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b" , Chunked ,")], None),
        (b"POST", "1.0", [HOST, (b"transfer-encoding", b"chunked")], 400),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"")], 400),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"identity")], 400),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"xchunked")], 400),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"chunked, gzip")], 400),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"gzip, chunked")], 501),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"chunked, chunked")], 501),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")], 501),
    ],
)
def test_only_what_has_one_meaning_passes(
    method: bytes, version: str, headers: list[tuple[bytes, bytes]], status: int | None
) -> None:
    """HTTP/1.0 or 1.1, one Host, and no body but one that is chunked once or has a length."""
    error = judge_head(method, version, headers)
    assert status == (None if error is None else error.status)
    assert error is None or isinstance(error, HubError)


@pytest.mark.parametrize(
    ("method", "url", "path"),
    [
        (b"GET", b"/health/live?x=http://y", b"/health/live?x=http://y"),
        (b"GET", b"http://hub/health/live", b"http://hub/health/live"),
        (b"GET", b"http://hub", b"/"),
        (b"GET", b"http://[::1]:8000?a=/b", b"/?a=/b"),
        (b"OPTIONS", b"*", b"/"),
        (b"GET", b"*", b"*"),
        (b"GET", b"nonsense", b"nonsense"),
    ],
)
def test_a_target_without_a_path_is_the_root(method: bytes, url: bytes, path: bytes) -> None:
    """An absolute URL may end with its host (RFC 9112 section 3.2.2), and `*` is the server."""
    assert path == origin_form(method, url)


def test_an_offer_is_taken_out_of_a_head() -> None:
    """What remains is the request, its version of HTTP included."""
    headers = [HOST, (b"upgrade", b"h2c"), (b"content-length", b"2")]
    assert b"POST /x HTTP/1.0\r\nhost: hub\r\ncontent-length: 2\r\n\r\n" == without_offer(
        b"POST", b"/x", "1.0", headers
    )


def test_a_list_may_stand_in_several_lines_and_have_empty_elements() -> None:
    """RFC 9110 sections 5.3 and 5.6.1."""
    headers = [(b"a", b""), (b"a", b" , x ,,\ty\t"), (b"b", b"no"), (b"a", b"z"), (b"a", b",")]
    assert [b"x", b"y", b"z"] == list_tokens(headers, b"a")
    assert b"x ,,\ty, z" == join_lines(headers, b"a")
    assert ([], b"") == (list_tokens(headers, b"c"), join_lines(headers, b"c"))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"FOO / HTTP/1.1\r\nHost: hub\r\n\r\n", 405),
        (b"get /health/live HTTP/1.0\r\n\r\n", 405),
        (b"M-SEARCH2 * HTTP/1.1\r\n", 405),
        (b"FOO / HTTP/2.0\r\n", 400),
        (b"F\x00O / HTTP/1.1\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"FO", 400),
    ],
)
def test_an_unknown_method_is_one_where_a_request_has_it(data: bytes, status: int) -> None:
    """Whoever sends a method that nobody knows is told that, and not that the request is no HTTP."""
    assert status == judge_method(data).status
