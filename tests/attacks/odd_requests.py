"""Raw requests that no client sends, and what each may be answered."""

from __future__ import annotations

__all__ = ["KEY", "REQUESTS", "WEBSOCKET", "chunked", "get", "post"]

OK = frozenset({200})
BAD = frozenset({400})
#: 405 where the whole line has come, else no HTTP as far as can be seen.
NO_METHOD = frozenset({400, 405})
REFUSED = frozenset({400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 426, 431, 501, 505})
#: Served or refused: both are right, a 5xx or silence is not.
ANY = REFUSED | OK | {201, 204}


def get(
    target: bytes = b"/health/live", *lines: bytes, version: bytes = b"HTTP/1.1", host: bytes = b"Host: hub"
) -> bytes:
    """Return a GET with these further header lines."""
    head = [b"GET " + target + b" " + version, *([host] if host else []), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


def post(body: bytes, *lines: bytes) -> bytes:
    """Return a publish without a credential, with these header lines and this body."""
    head = [b"POST /api/internal/notify HTTP/1.1", b"Host: hub", b"Content-Type: application/json", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    """Return a publish with a chunked body as given."""
    return post(body, b"Transfer-Encoding: chunked")


WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
REQUESTS: dict[str, tuple[bytes, frozenset[int]]] = {
    "plain": (get(), OK),
    "no Host": (get(host=b""), BAD),
    "two Hosts": (get(b"/health/live", b"Host: evil"), BAD),
    "the same Host twice": (get(b"/health/live", b"Host: hub"), BAD),
    "empty Host": (get(host=b"Host:"), ANY),
    "Host with a path": (get(host=b"Host: hub/evil"), ANY),
    "HTTP/1.0 without Host": (get(version=b"HTTP/1.0", host=b""), OK),
    "HTTP/0.9": (b"GET /health/live\r\n\r\n", BAD),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), BAD),
    "HTTP/0.9 by name": (get(version=b"HTTP/0.9"), BAD),
    "HTTP/2.0 by name": (get(b"/health/live", b"Connection: keep-alive", version=b"HTTP/2.0"), BAD),
    "HTTP/9.9": (get(version=b"HTTP/9.9"), BAD),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD),
    "no version": (b"GET /health/live \r\nHost: hub\r\n\r\n", BAD),
    "other protocol": (get(version=b"RTSP/1.0"), ANY),
    "TLS client hello": (bytes.fromhex("16030100c8010000c40303") + bytes(200), BAD),
    "lower-case method": (b"get /health/live HTTP/1.1\r\nHost: hub\r\n\r\n", NO_METHOD),
    "unknown method": (b"FROB /health/live HTTP/1.1\r\nHost: hub\r\n\r\n", NO_METHOD),
    "method with NUL": (b"GE\0T /health/live HTTP/1.1\r\nHost: hub\r\n\r\n", BAD),
    "long method": (b"G" * 40_000, BAD | {431}),
    "TRACE": (get().replace(b"GET", b"TRACE"), REFUSED),
    "HEAD": (get().replace(b"GET", b"HEAD"), OK),
    "leading line breaks": (b"\r\n\r\n" + get(), OK),
    "leading space": (b" " + get(), BAD),
    # Where the body ends
    "length and chunked": (post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"), BAD),
    "chunked and length": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Content-Length: 5"), BAD),
    "two lengths": (post(b"{}", b"Content-Length: 2", b"Content-Length: 1"), BAD),
    "the same length twice": (post(b"{}", b"Content-Length: 2", b"Content-Length: 2"), BAD),
    "length as a list": (post(b"{}", b"Content-Length: 2, 2"), BAD),
    "negative length": (post(b"{}", b"Content-Length: -2"), BAD),
    "length with a plus": (post(b"{}", b"Content-Length: +2"), BAD),
    "hexadecimal length": (post(b"{}", b"Content-Length: 0x2"), BAD),
    "length with a space": (post(b"{}", b"Content-Length: 2 2"), BAD),
    "empty length": (post(b"", b"Content-Length:"), REFUSED),
    "length beyond 64 bits": (post(b"{}", b"Content-Length: 99999999999999999999"), BAD),
    "length of 2^63": (post(b"{}", b"Content-Length: 9223372036854775808"), REFUSED),
    "length in Arabic digits": (post(b"{}", "Content-Length: ٢".encode()), BAD),
    "chunked twice": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, chunked"), REFUSED),
    "chunked not last": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, identity"), BAD),
    "unknown coding": (post(b"0\r\n\r\n", b"Transfer-Encoding: xchunked"), BAD),
    "coding with a tab": (post(b"0\r\n\r\n", b"Transfer-Encoding:\x0bchunked"), BAD),
    "coding with a space before the colon": (post(b"0\r\n\r\n", b"Transfer-Encoding : chunked"), BAD),
    "gzip then chunked": (post(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked"), frozenset({501})),
    "chunked in HTTP/1.0": (chunked(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"), BAD),
    "chunk size 0x5": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size +5": (chunked(b"+5\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size -1": (chunked(b"-1\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size G": (chunked(b"G\r\nhello\r\n0\r\n\r\n"), BAD),
    "empty chunk size": (chunked(b"\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size beyond 64 bits": (chunked(b"1" + b"0" * 16 + b"\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk longer than it says": (chunked(b"3\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk ended by LF": (chunked(b"5\nhello\n0\n\n"), BAD),
    "chunk with extension": (chunked(b'2;a="b"\r\n{}\r\n0\r\n\r\n'), REFUSED),
    "chunk extension with LF": (chunked(b"2;a\nb\r\n{}\r\n0\r\n\r\n"), BAD),
    "chunk extension of 64 KiB": (chunked(b"2;" + b"a" * 65_536 + b"\r\n{}\r\n0\r\n\r\n"), REFUSED),
    "trailer that is a credential": (chunked(b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n"), REFUSED),
    "trailer that is a length": (chunked(b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n"), REFUSED),
    "body in a GET": (get(b"/health/live", b"Content-Length: 2") + b"{}", OK),
    "expectation": (post(b"{}", b"Content-Length: 2", b"Expect: 100-continue"), REFUSED),
    "unknown expectation": (post(b"{}", b"Content-Length: 2", b"Expect: miracles"), REFUSED),
    # Headers
    "folded header": (get(b"/health/live", b"X: a\r\n b"), BAD | OK),
    "folded first header": (get(host=b" Host: hub"), BAD),
    "folded length": (post(b"{}", b"Content-Length:\r\n 2"), REFUSED),
    "header without colon": (get(b"/health/live", b"nonsense"), BAD),
    "header without name": (get(b"/health/live", b": x"), BAD),
    "space before the colon": (get(b"/health/live", b"X : y"), BAD),
    "space in the name": (get(b"/health/live", b"X Y: z"), BAD),
    "NUL in the name": (get(b"/health/live", b"X\0: y"), BAD),
    "NUL in the value": (get(b"/health/live", b"X: a\0b"), BAD),
    "bare CR in the value": (get(b"/health/live", b"X: a\rb"), BAD),
    "bare LF after a header": (get(b"/health/live", b"X: a\nY: b"), BAD),
    "control in the value": (get(b"/health/live", b"X: a\x01b"), BAD),
    "delete in the value": (get(b"/health/live", b"X: a\x7fb"), BAD),
    "latin-1 in the value": (get(b"/health/live", b"X: \xe9"), OK),
    "UTF-8 in the name": (get(b"/health/live", "Ключ: x".encode()), BAD),
    "LF alone": (get().replace(b"\r\n", b"\n"), BAD),
    "CR alone": (get().replace(b"\r\n", b"\r"), BAD),
    "CR CR LF": (get().replace(b"\r\n", b"\r\r\n"), BAD),
    "150 headers": (get(b"/health/live", *[b"X: y"] * 150), OK),
    "500 headers": (get(b"/health/live", *[b"X: y"] * 500), frozenset({431})),
    "two credentials": (
        post(b"{}", b"Content-Length: 2", b"Authorization: Bearer a", b"Authorization: Bearer b"),
        REFUSED,
    ),
    "underscore for dash": (post(b"{}", b"Content_Length: 9", b"Content-Length: 2"), REFUSED),
    # Targets
    "absolute form": (get(b"http://hub/health/live"), OK),
    "absolute form of another host": (get(b"http://evil/health/live"), ANY),
    "absolute form without a path": (get(b"http://hub"), ANY),
    "absolute form with a login": (get(b"http://a:b@hub/health/live"), ANY),
    "absolute form, other scheme": (get(b"gopher://hub/health/live"), ANY),
    "authority form": (b"CONNECT hub:443 HTTP/1.1\r\nHost: hub\r\n\r\n", frozenset({405})),
    "authority form of a GET": (get(b"hub:443"), REFUSED),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: hub\r\n\r\n", ANY),
    "asterisk form of a GET": (get(b"*"), REFUSED),
    "empty target": (b"GET  HTTP/1.1\r\nHost: hub\r\n\r\n", BAD),
    "relative target": (get(b"health/live"), BAD),
    "space in the target": (get(b"/health/live x"), BAD),
    "tab in the target": (get(b"/health/\tlive"), BAD),
    "NUL in the target": (get(b"/health/live\0"), BAD),
    "raw UTF-8 in the target": (get("/health/ключ".encode()), REFUSED),
    "fragment": (get(b"/health/live#x"), ANY),
    "encoded NUL": (get(b"/health/live%00"), REFUSED),
    "encoded line break": (get(b"/health/live%0d%0aX-Forged:%20yes"), REFUSED),
    "encoded slash": (get(b"/health%2flive"), ANY),
    "encoded unicode": (get(b"/%e2%80%ae/%f0%9f%92%a9"), REFUSED),
    "encoded broken UTF-8": (get(b"/%ff%fe/%c0%af"), REFUSED),
    "encoded surrogate": (get(b"/%ed%a0%80"), REFUSED),
    "broken encoding": (get(b"/%zz/%/%4"), REFUSED),
    "double slash": (get(b"//health/live"), ANY),
    "two slashes and a host": (get(b"//evil/health/live"), REFUSED),
    "traversal": (get(b"/../../../../etc/passwd"), REFUSED),
    "encoded traversal": (get(b"/schema/%2e%2e/%2e%2e/%2e%2e/etc/passwd"), REFUSED),
    "double-encoded traversal": (get(b"/schema/%252e%252e/etc/passwd"), REFUSED),
    "backslash traversal": (get(b"/schema/..\\..\\etc\\passwd"), REFUSED),
    "placeholder": (get(b"/{path:path}"), REFUSED),
    "path of 30 KiB": (get(b"/" + b"a" * 30_000), REFUSED),
    "path of 10,000 segments": (get(b"/a" * 10_000), REFUSED),
    "query of 30 KiB": (get(b"/health/live?" + b"a=b&" * 7_500), OK),
    "query of 30 KiB for a stream": (get(b"/sse?" + b"token=b&" * 3_700), REFUSED),
    "query of 30 KiB without a token for a stream": (get(b"/sse?" + b"a=b&" * 7_500), REFUSED),
    "question marks": (get(b"/health/live" + b"?" * 20_000), OK),
    # Upgrades
    "h2c": (
        get(
            b"/health/live",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        OK,
    ),
    "unknown upgrade": (get(b"/health/live", b"Connection: Upgrade", b"Upgrade: evil/9"), OK),
    "websocket at another path": (get(b"/health/live", *WEBSOCKET, KEY), frozenset({404})),
    "websocket at an absolute URL without a path": (get(b"http://hub", *WEBSOCKET, KEY), frozenset({404})),
    "websocket without a credential": (get(b"/ws", *WEBSOCKET, KEY), REFUSED),
    "websocket without a key": (get(b"/ws", *WEBSOCKET), REFUSED),
    "websocket with a bad key": (get(b"/ws", *WEBSOCKET, b"Sec-WebSocket-Key: x"), REFUSED),
    "websocket with two keys": (get(b"/ws", *WEBSOCKET, KEY, KEY), REFUSED),
    "websocket of version 8": (get(b"/ws", *WEBSOCKET[:2], b"Sec-WebSocket-Version: 8", KEY), REFUSED),
    "websocket without a version": (get(b"/ws", *WEBSOCKET[:2], KEY), REFUSED),
    "websocket by POST": (get(b"/ws", *WEBSOCKET, KEY).replace(b"GET", b"POST"), REFUSED),
    "websocket in HTTP/1.0": (get(b"/ws", *WEBSOCKET, KEY, version=b"HTTP/1.0"), REFUSED),
    "websocket with a body": (get(b"/ws", *WEBSOCKET, KEY, b"Content-Length: 2") + b"{}", REFUSED),
    "websocket with chunks": (get(b"/ws", *WEBSOCKET, KEY, b"Transfer-Encoding: chunked") + b"0\r\n\r\n", REFUSED),
    "websocket with 500 headers": (get(b"/ws", *WEBSOCKET, KEY, *[b"X: y"] * 500), REFUSED),
    "websocket with a header of 9 KiB": (get(b"/ws", *WEBSOCKET, KEY, b"X: " + b"y" * 9_000), REFUSED),
    "websocket with a query of 9 KiB": (get(b"/ws?token=" + b"x" * 9_000, *WEBSOCKET, KEY), REFUSED | {414}),
    "websocket without upgrade": (get(b"/ws"), frozenset({426})),
    "websocket with 1,000 subprotocols": (
        get(b"/ws", *WEBSOCKET, KEY, b"Sec-WebSocket-Protocol: " + b"a," * 1_000 + b"b"),
        REFUSED,
    ),
    "websocket with an odd subprotocol": (get(b"/ws", *WEBSOCKET, KEY, b'Sec-WebSocket-Protocol: ,;"='), REFUSED),
    "websocket with odd extensions": (
        get(b"/ws", *WEBSOCKET, KEY, b'Sec-WebSocket-Extensions: permessage-deflate; =;"\\'),
        REFUSED,
    ),
    "websocket with latin-1": (get(b"/ws?token=\xe9", *WEBSOCKET, KEY), REFUSED),
    "websocket with a foreign origin": (get(b"/ws", *WEBSOCKET, KEY, b"Origin: https://evil.example"), REFUSED),
    "websocket with raw latin-1 header": (get(b"/ws", *WEBSOCKET, KEY, b"X: \xe9\xff"), REFUSED),
    "websocket with two Hosts": (get(b"/ws", *WEBSOCKET, KEY, b"Host: evil"), BAD),
    "stream by POST": (get(b"/sse").replace(b"GET", b"POST"), REFUSED),
    "stream with two last event ids": (get(b"/sse", b"Last-Event-ID: a", b"Last-Event-ID: b"), REFUSED),
}
