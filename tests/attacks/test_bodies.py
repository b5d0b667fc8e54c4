"""Hostile bodies over the wire: each is a 4xx problem with a stable code, and none reaches a subscriber changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.eventsource import Event, EventStreamParser
from tests.attacks.wire import Wire
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

NOTIFY = "/api/internal/notify"
BATCH = "/api/internal/notify/batch"
DISCONNECT = "/api/internal/disconnect"
KIB = 1024


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with its shipped bounds."""
    async with run_hub(tmp_path) as hub:
        yield hub


def body_of(**fields: bytes) -> bytes:
    """Return a notification to the default user in which these members stand as the bytes given."""
    members = {
        "type": b'"stock_alert"',
        "title": b'"t"',
        "message": b'"m"',
        "user_id": json.dumps(USER).encode(),
        "account_id": json.dumps(ACCOUNT).encode(),
        **fields,
    }
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members.items()) + b"}"


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """Return an object whose one member is nested `depth` deep."""
    return b'{"a":' + opening * depth + b"1" + closing * depth + b"}"


MANY_DIGITS = b"9" * 4_001
TEXTS = {
    "lone high surrogate": rb'"\ud800"',
    "lone low surrogate": rb'"\udc00"',
    "swapped surrogates": rb'"\udc00\ud800"',
    "invalid UTF-8": b'"\xff\xfe"',
    "overlong slash": b'"\xc0\xaf"',
    "encoded surrogate": b'"\xed\xa0\x80"',
    "beyond unicode": b'"\xf4\x90\x80\x80"',
    "cut character": b'"\xc3"',
    "raw newline": b'"a\nb"',
    "raw carriage return": b'"a\rb"',
    "raw NUL": b'"a\0b"',
    "raw tab": b'"a\tb"',
    "bad escape": rb'"\x41"',
    "cut escape": rb'"\u12"',
    "number": b"7",
    "null": b"null",
    "list": b'["t"]',
    "object": b'{"toString":"t"}',
}
#: name -> (body, code)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "invalid_json"),
    "null": (b"null", "invalid_field"),
    "list": (b"[]", "invalid_field"),
    "text": (b'"x"', "invalid_field"),
    "not JSON": (b"title=x", "invalid_json"),
    "cut short": (body_of()[:-1], "invalid_json"),
    "two documents": (body_of() * 2, "invalid_json"),
    "trailing NUL": (body_of() + b"\0", "invalid_json"),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + body_of(), "invalid_json"),
    "UTF-16": (body_of().decode().encode("utf-16"), "invalid_json"),
    "UTF-32": (body_of().decode().encode("utf-32"), "invalid_json"),
    "comment": (b"/* */" + body_of(), "invalid_json"),
    "trailing comma": (body_of()[:-1] + b",}", "invalid_json"),
    "single quotes": (body_of().replace(b'"', b"'"), "invalid_json"),
    "NaN": (body_of(data=b'{"currentStock":NaN}'), "invalid_json"),
    "Infinity": (body_of(data=b'{"currentStock":Infinity}'), "invalid_json"),
    "minus Infinity": (body_of(data=b'{"x":-Infinity}'), "invalid_json"),
    "hexadecimal": (body_of(data=b'{"x":0x10}'), "invalid_json"),
    "leading zero": (body_of(data=b'{"x":01}'), "invalid_json"),
    "infinite float": (body_of(data=b'{"currentStock":1e400}'), "invalid_field"),
    "unsafe id": (body_of(data=b'{"productId":%d}' % 2**53), "invalid_field"),
    "unsafe integer where anything may stand": (body_of(data=b'{"x":[{"y":-18446744073709551616}]}'), "invalid_field"),
    "integer of 3,000 digits": (body_of(data=b'{"x":%b}' % (b"9" * 3_000)), "invalid_field"),
    "id of 4,001 digits": (body_of(data=b'{"productId":%b}' % MANY_DIGITS), "invalid_field"),
    "nested 40 deep": (body_of(data=nested(40)), "too_deep"),
    "objects nested 40 deep": (body_of(data=nested(40, b'{"a":', b"}")), "too_deep"),
    "nested 30,000 deep": (body_of(data=nested(30_000)), "too_deep"),
    "unclosed 60,000 deep": (b"[" * 60_000, "invalid_field"),
    "unclosed data": (body_of(data=b"[" * 60_000), "too_deep"),
    "depth in a text field": (body_of(title=b"[" * 30_000 + b"]" * 30_000), "invalid_field"),
    "depth in an unknown field": (body_of(evil=b"[" * 30_000 + b"]" * 30_000), "invalid_field"),
    "unknown field": (body_of(evil=b"1"), "invalid_field"),
    "unknown field with a line break": (body_of(**{r"a\nid: 1": b"1"}), "invalid_field"),
    "prototype": (body_of(__proto__=b'{"everyone":true}'), "invalid_field"),
    "ttl beyond the calendar": (body_of(ttl_seconds=b"1" * 30), "invalid_field"),
    "ttl zero": (body_of(ttl_seconds=b"0"), "invalid_field"),
    "ttl negative": (body_of(ttl_seconds=b"-1"), "invalid_field"),
    "ttl as a fraction": (body_of(ttl_seconds=b"1.5"), "invalid_field"),
    "timestamp without offset": (body_of(timestamp=b'"2026-01-01T00:00:00"'), "invalid_field"),
    "timestamp beyond the calendar": (body_of(timestamp=b'"9999-12-31T23:59:59-23:59"'), "invalid_field"),
    "timestamp with a line break": (body_of(timestamp=rb'"2026-01-01T00:00:00Z\n"'), "invalid_field"),
    "timestamp as a number": (body_of(timestamp=b"1"), "invalid_field"),
    "type with a line break": (body_of(type=rb'"stock_alert\n"'), "unknown_type"),
    "type of the hub": (body_of(type=b'"connection_established"'), "reserved_type"),
    "type that is a path": (body_of(type=b'"../../etc/passwd"'), "unknown_type"),
    "type in capitals": (body_of(type=b'"STOCK_ALERT"'), "unknown_type"),
    "everyone as text": (body_of(everyone=b'"true"'), "invalid_field"),
    "everyone and somebody": (body_of(everyone=b"true"), "conflicting_targets"),
    "no users": (body_of(user_ids=b"[]"), "invalid_field"),
    "5,001 users": (body_of(user_ids=b"[" + b",".join(b'"%d"' % n for n in range(5_001)) + b"]"), "invalid_field"),
    "a user that is null": (body_of(user_ids=b"[null]"), "invalid_field"),
    "data is a list": (body_of(data=b"[]"), "invalid_field"),
    "data is text": (body_of(data=b'"{}"'), "invalid_field"),
    **{
        f"{field}: {name}": (body_of(**{field: text}), "")
        for field in ("title", "message")
        for name, text in TEXTS.items()
    },
    **{
        f"{field}: {name}": (body_of(**{field: text}), "")
        for field in ("user_id", "account_id")
        for name, text in TEXTS.items()
        if name != "null"
    },
    **{
        f"id with {escape}": (body_of(user_id=b'"1%b"' % escape.encode()), "invalid_field")
        for escape in (r"\n", r"\r", r"\r\nid: 1", r"\u0000", r"\t", r"\u001f", r"\u007f", r"\u0085")
    },
    **{
        f"data: {name}": (body_of(data=b'{"productName":%b}' % text), "")
        for name, text in TEXTS.items()
        # What is JSON at all is passed on, whatever the type declares.
        if name not in {"null", "number", "list", "object"}
    },
    **{
        f"unknown member of data: {name}": (body_of(data=b'{"x":%b}' % text), "")
        for name, text in TEXTS.items()
        if name not in {"null", "number", "list", "object"}
    },
}


@pytest.mark.parametrize("path", [NOTIFY, BATCH, DISCONNECT])
async def test_a_hostile_body_is_a_problem_with_a_code(hub: RunningHub, path: str) -> None:
    """A hostile body, alone, in a batch and at the wrong door, is a 4xx problem, and nothing of it is stored."""
    wrong = []
    for name, (body, code) in HOSTILE.items():
        sent = b'{"notifications":[%b]}' % body if path == BATCH else body
        answer = await hub.post(path, sent)
        problem = answer.json()
        if path == BATCH and answer.status_code == 202:
            problem = problem["results"][0].get("problem", problem)
        elif answer.headers["content-type"] != "application/problem+json":
            wrong.append(f"{name}: {answer.headers['content-type']}")
        if problem.get("status") not in {400, 422} or not problem.get("code"):
            wrong.append(f"{name}: {problem}")
        if path == NOTIFY and code and problem.get("code") != code:
            wrong.append(f"{name}: {problem['code']} instead of {code}")
        if problem.get("code") == "invalid_field" and not problem.get("field", "").startswith("$"):
            wrong.append(f"{name}: no path in {problem}")
    assert [] == wrong
    assert 0 == hub.hub.log.head
    assert 202 == (await hub.publish()).status_code


async def test_what_is_strange_but_valid_arrives_as_it_came(hub: RunningHub) -> None:
    """Numbers that a double holds, duplicate names, NUL escapes and line separators pass through, byte for byte."""
    strange = [
        b'{"x":%b.5,"y":9007199254740991}' % (b"9" * 200),
        b'{"x":-0,"y":1e-400,"z":1E+2}',
        b'{"x":"18446744073709551616","productId":"18446744073709551616"}',
        b'{"productId":1,"productId":2}',
        rb'{"\u0000":"\u0000","":""}',
        '{"x":"\u2028\u2029\u0085\ufeff\u202e\U0010ffff"}'.encode(),
        rb'{"x":"\ud83d\ude00\u2028\r\n\rdata: forged"}',
        rb'{"__proto__":{"everyone":true},"constructor":null}',
        nested(29),
    ]
    async with hub.websocket() as websocket, hub.events() as events:
        for data in strange:
            answer = await hub.post(NOTIFY, body_of(data=data))
            assert 202 == answer.status_code, (data[:40], answer.text)
            for text in (await websocket.connection.recv(), (await events.event()).data):
                assert isinstance(text, str)
                assert b'"data":' + data + b',"timestamp"' in text.encode()
                json.loads(text)


async def test_line_breaks_between_tokens_are_harmless(hub: RunningHub) -> None:
    """Pretty-printed data, with any of JSON's line breaks, is one line of the stream and the same value."""
    async with hub.events() as events, hub.websocket() as websocket:
        for line_break in (b"\n", b"\r\n", b"\r", b"\n\n"):
            data = line_break + b'{"a":' + line_break + b"[1," + line_break + b'2],"b":{}}' + line_break
            assert 202 == (await hub.post(NOTIFY, body_of(data=data))).status_code
            assert {"a": [1, 2], "b": {}} == (await events.frame())["data"]
            assert {"a": [1, 2], "b": {}} == (await websocket.frame())["data"]


@pytest.mark.parametrize("path", [NOTIFY, BATCH])
async def test_a_million_keys_are_refused_before_they_are_read(hub: RunningHub, path: str) -> None:
    """The body cap comes before the parser, whether the length is announced or the body just keeps coming."""
    bomb = b"{" + b",".join(b'"k%d":%d' % (number, number) for number in range(1_000_000)) + b"}"
    for announced in (True, False):
        content = bomb if announced else in_pieces(bomb)
        began_s = time.monotonic()
        answer = None
        # A server that has answered and closed may cut the sender short.
        with contextlib.suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            answer = await hub.http.post(path, content=content, headers=hub.headers())
        if answer is not None:
            assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])
        assert time.monotonic() - began_s < 2
    assert hub.hub.metrics.problems["body_too_large"] >= 1
    assert 0 == hub.hub.log.head


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in parts, so that it has no length."""
    for start in range(0, len(body), 16 * KIB):
        yield body[start : start + 16 * KIB]


async def test_a_batch_carries_no_notification_that_would_be_refused_alone(hub: RunningHub) -> None:
    """One notification as large as a whole batch would fill every subscriber's budget at once; its neighbours pass."""
    large = body_of(message=b'"%b"' % (b"x" * 900 * KIB))
    async with hub.websocket() as websocket:
        answer = await hub.post(BATCH, b'{"notifications":[%b,%b]}' % (large, body_of(title=b'"small"')))
        refused, taken = answer.json()["results"]
        assert (413, "body_too_large", "$.notifications[0]") == (
            refused["problem"]["status"],
            refused["problem"]["code"],
            refused["problem"]["field"],
        )
        assert "receipt" in taken
        assert "small" == (await websocket.frame())["title"]


async def test_the_largest_body_holds_nobody_up(hub: RunningHub) -> None:
    """As many keys, users, items or brackets as the caps allow: others are answered within a quarter of a second."""
    many = b",".join(b'"k%d":0' % number for number in range(80_000))
    item = body_of(data=b"{%b}" % many)
    small = b",".join([body_of()] * 1_000)
    bodies = [
        (BATCH, b'{"notifications":[%b]}' % item),
        (BATCH, b'{"notifications":[%b]}' % small),
        (BATCH, b'{"notifications":[%b]}' % b",".join([b"{}"] * 1_000)),
        (BATCH, b'{"notifications":[%b]}' % b",".join([b"{}"] * 300_000)),
        (BATCH, b'{"notifications":[%b]}' % b",".join([body_of(data=nested(31))] * 1_000)),
        (NOTIFY, body_of(data=b"{%b}" % many[: 60 * KIB].rpartition(b",")[0])),
        (NOTIFY, body_of(data=nested(29_000))),
        (NOTIFY, body_of(data=b'{"x":%b}' % (b"9" * 60_000))),
        (NOTIFY, body_of(user_ids=b"[" + b",".join(b'"%d"' % number for number in range(5_000)) + b"]")),
    ]
    for path, body in bodies:
        posting = asyncio.create_task(hub.post(path, body))
        worst_s = 0.0
        while not posting.done():
            asked_s = time.monotonic()
            assert 200 == (await hub.http.get("/health/live")).status_code
            worst_s = max(worst_s, time.monotonic() - asked_s)
        assert (await posting).status_code in {202, 400, 413}, body[:60]
        assert worst_s < 1.0, (worst_s, body[:60])


#: Ends the line, the field or the event in one reader or another.
INJECTIONS = [
    *("\n", "\r", "\r\n", "\n\n", "\r\r", "\\n", "\\r\\n"),
    *("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\0", "\ufeff"),
]
FORGED = "event: evil{0}id: forged{0}retry: 1{0}data: forged{0}{0}data: more"


async def test_no_field_can_forge_an_event(hub: RunningHub) -> None:
    """With every line break in every field, the stream holds the events that were published and no field else."""
    async with Stream(hub) as stream:
        for breaker in INJECTIONS:
            text = f"x{breaker}" + FORGED.format(breaker)
            for field in ("title", "message", "key", "value"):
                fields: dict[str, Any] = {"title": "t", "message": "m", "data": {"k": "v"}}
                if field == "key":
                    fields["data"] = {text: 1}
                elif field == "value":
                    fields["data"] = {"productName": text}
                else:
                    fields[field] = text
                answer = await hub.publish(**fields)
                assert 202 == answer.status_code, (field, breaker)
                event = await stream.event()
                assert ("message", answer.json()["cursor"]) == (event.type, event.last_event_id)
                frame = json.loads(event.data)
                assert fields == {name: frame[name] for name in fields}
        assert {"id", "data", "retry"} == stream.parser.fields
        assert 1 != stream.parser.reconnection_ms


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=st.text(),
    message=st.text(),
    data=st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
        max_leaves=8,
    ),
)
async def test_any_text_arrives_over_both_transports(hub: RunningHub, title: str, message: str, data: Any) -> None:
    """Whatever unicode is published is what a WHATWG parser and a WebSocket client read."""
    fields: dict[str, Any] = {"type": "cart_updated", "title": title, "message": message, "data": {"x": data}}
    async with Stream(hub) as stream, hub.websocket() as websocket:
        assert 202 == (await hub.publish(**fields)).status_code
        for frame in (json.loads((await stream.event()).data), await websocket.frame()):
            assert fields == {name: frame[name] for name in fields}


class Stream:
    """An event stream whose raw bytes go through the independent parser; the greeting was read."""

    def __init__(self, hub: RunningHub) -> None:
        self._hub = hub
        self._stack = contextlib.AsyncExitStack()
        self._events: list[Event] = []
        self._bytes: AsyncIterator[bytes]
        self.parser = EventStreamParser()

    async def __aenter__(self) -> Stream:
        headers = {"authorization": f"Bearer {self._hub.token()}"}
        response = await self._stack.enter_async_context(self._hub.http.stream("GET", "/sse", headers=headers))
        self._bytes = response.aiter_raw()
        assert "connection_established" == json.loads((await self.event()).data)["type"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def event(self) -> Event:
        """Wait for the next event."""
        async with asyncio.timeout(DEADLINE_S):
            while not self._events:
                self._events += self.parser.feed(await anext(self._bytes))
        return self._events.pop(0)


@pytest.mark.parametrize(
    "value", [b"a\x00b", b"a\x0bb", b"\x7f", b"\xff\xfe", b"", b"x" * 256, b"a\tb", "ключ".encode()]
)
async def test_an_idempotency_key_is_printable_ascii(hub: RunningHub, value: bytes) -> None:
    """A key with control characters, foreign bytes, no or too many characters is refused, and nothing is stored."""
    body = body_of()
    head = b"POST %b HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %b\r\n" % (NOTIFY.encode(), hub.key.encode())
    head += b"Content-Type: application/json\r\nContent-Length: %d\r\nIdempotency-Key: %b\r\n\r\n" % (len(body), value)
    async with Wire(hub.port) as wire:
        await wire.send(head + body)
        assert 400 == (await wire.response()).status
    assert 0 == hub.hub.log.head


async def test_a_line_break_in_a_header_begins_another_header(hub: RunningHub) -> None:
    """A CR LF inside a key is no part of it, and a bare CR or LF is refused."""
    body = body_of()
    for breaker, expected in ((b"\r\nX: ", 202), (b"\n", 400), (b"\r", 400), (b"\n\n", 400)):
        head = b"POST %b HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %b\r\n" % (NOTIFY.encode(), hub.key.encode())
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\nIdempotency-Key: a%bb\r\n\r\n" % (
            len(body),
            breaker,
        )
        async with Wire(hub.port) as wire:
            await wire.send(head + body)
            assert expected == (await wire.response()).status, breaker
