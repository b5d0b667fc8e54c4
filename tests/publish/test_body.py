"""Request bodies: what comes out is checked, what cannot be used is a 4xx and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.problem import Problem
from contracts.request import PublishRequest
from hub.errors import (
    BodyTooLarge,
    ConflictingTargets,
    HubError,
    InvalidField,
    InvalidJson,
    NoTarget,
    ReservedType,
    TooDeep,
    UnknownType,
)
from hub.publish.body import Publication, parse_batch, parse_publish
from hub.publish.json_body import MAX_DEPTH
from hub.publish.registry import load_type_registry
from hub.target import EVERYONE, account_target, user_target
from tests.contracts.frames import decode_frame

REGISTRY = load_type_registry(["contracts.avelarsys", "tests.contracts.company"])
NOW_S = 1_795_356_187.1254

FIELDS = [*PublishRequest.__struct_fields__, "id"]
LIKELY: list[Any] = ["cart_updated", "order_created", "2026-11-22T14:03:07Z", True, ["u"], {"total": 1}]


def publish(body: bytes) -> Publication:
    """Parse one body at a fixed moment."""
    return parse_publish(body, REGISTRY, now_s=NOW_S)


def body_of(**fields: Any) -> bytes:
    """Return a good body with these fields put in its place; None takes a field away."""
    body = {"type": "cart_updated", "title": "a", "message": "b", "user_id": "u", "account_id": "x", **fields}
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


def with_data(data: bytes, kind: str = "cart_updated") -> bytes:
    """Return a good body whose `data` is these bytes."""
    return b'{"type":"%b","title":"a","message":"b","everyone":true,"data":%b}' % (kind.encode(), data)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
EXACT = st.integers(-(2**53 - 1), 2**53 - 1)
LEAF = st.none() | st.booleans() | EXACT | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


def status_of(parse: Callable[[bytes], object], body: bytes) -> int:
    """Return the status of the refusal, or 202."""
    try:
        parse(body)
    except HubError as error:
        return error.status
    return 202


class TestFrame:
    """What subscribers will read."""

    def test_members_come_in_their_fixed_order(self) -> None:
        """The payload is one object: type, title, message, data, timestamp, id, whatever order came."""
        body = b'{"everyone":true,"data":{"b":1},"message":"m","title":"t","type":"cart_updated"}'
        expected = (
            b'{"type":"cart_updated","title":"t","message":"m","data":{"b":1},'
            b'"timestamp":"2026-11-22T14:03:07.125Z","id":"n1"}'
        )
        assert expected == publish(body).payload("n1")

    @pytest.mark.parametrize("data", [None, "null"])
    def test_missing_data_stays_missing(self, data: str | None) -> None:
        """A frame has no member `data` where there was none, or null."""
        body = body_of() if data is None else with_data(data.encode())
        assert {"type", "title", "message", "timestamp", "id"} == set(json.loads(publish(body).payload("n")))

    @given(st.dictionaries(TEXT, JSON, max_size=5), st.booleans())
    def test_free_data_is_passed_on_byte_for_byte(self, data: dict[str, Any], ascii_only: bool) -> None:
        """Any JSON object is carried as the bytes that came."""
        raw = json.dumps(data, ensure_ascii=ascii_only).encode()
        assert b',"data":' + raw + b',"timestamp"' in publish(with_data(raw)).prefix

    @given(st.dictionaries(TEXT.map("x-{}".format), JSON, max_size=5))
    def test_unknown_fields_of_typed_data_are_untouched(self, data: dict[str, Any]) -> None:
        """A type with known fields carries the others as they came."""
        raw = json.dumps({"orderId": "7", "total": "R$ 7,00", **data}).encode()
        assert b',"data":' + raw + b',"timestamp"' in publish(with_data(raw, "order_created")).prefix

    @given(TEXT, TEXT)
    @example("\x00\x1b[31m", "\r\ndata: forged\n\nid: 1")
    def test_texts_survive_and_break_no_line(self, title: str, message: str) -> None:
        """Title and message arrive as sent, and the payload is one line."""
        payload = publish(body_of(title=title, message=message)).payload("n")
        decoded = json.loads(payload)
        assert (title, message) == (decoded["title"], decoded["message"])
        assert not {b"\r", b"\n"} & {payload[i : i + 1] for i in range(len(payload))}

    def test_byte_order_mark_is_no_part_of_the_text(self) -> None:
        """A mark before the JSON, as .NET and PowerShell write files, changes nothing; a second one is a mistake."""
        for body in (body_of(title="\u00e9", data={"a": 1}), body_of()):
            assert publish(body).payload("n") == publish(b"\xef\xbb\xbf" + body).payload("n")
        with pytest.raises(InvalidJson):
            publish(b"\xef\xbb\xbf" * 2 + body_of())

    def test_no_body_is_told_as_such(self) -> None:
        """An empty body gets an error that says so, instead of a decoder's words."""
        for parse in (publish, lambda body: parse_batch(body, REGISTRY, now_s=NOW_S)):
            with pytest.raises(InvalidJson, match="The body is empty"):
                parse(b"")

    def test_line_breaks_between_tokens_become_spaces(self) -> None:
        """Pretty-printed data cannot break the line of a server-sent event; its content is the same."""
        raw = b'{\r\n  "a": "x\\ny",\n  "b": [\r1]\n}'
        publication = publish(with_data(raw))
        assert b'{    "a": "x\\ny",   "b": [ 1] }' in publication.prefix
        assert json.loads(raw) == json.loads(publication.payload("n"))["data"]

    @pytest.mark.parametrize(
        ("given_text", "expected"),
        [
            ("2026-11-22T14:03:07Z", "2026-11-22T14:03:07.000Z"),
            ("2026-11-22T11:03:07.1259-03:00", "2026-11-22T14:03:07.125Z"),
            ("0999-01-01T00:00:00+00:00", "0999-01-01T00:00:00.000Z"),
        ],
    )
    def test_timestamp_becomes_utc_with_milliseconds(self, given_text: str, expected: str) -> None:
        """Any offset is turned into the one form frontends read."""
        assert expected == json.loads(publish(body_of(timestamp=given_text)).payload("n"))["timestamp"]

    def test_digest_is_of_the_bytes_that_came(self) -> None:
        """Two ways to write one notification are two bodies to an Idempotency-Key."""
        assert sha256(body_of()).digest() == publish(body_of()).body_digest
        assert publish(body_of()).body_digest != publish(body_of() + b" ").body_digest

    def test_company_type_is_checked_like_the_others(self) -> None:
        """A type with a colon and a dash in its tag is published, and its data is checked."""
        payload = publish(with_data(b'{"serviceOrderId":5,"more":1}', "service-order:created")).payload("n")
        assert json.loads(payload)["data"] == {"serviceOrderId": 5, "more": 1}
        assert json.loads(payload)["type"] == "service-order:created"


class TestTargets:
    """Whom a notification is for."""

    @pytest.mark.parametrize(
        ("fields", "targets", "unresolved"),
        [
            ({"user_id": "u", "account_id": "x"}, (user_target("x", "u"),), ()),
            ({"user_id": "u", "account_id": None}, (), ("u",)),
            ({"user_id": None, "account_id": "x"}, (account_target("x"),), ()),
            ({"user_id": None, "account_id": None, "everyone": True}, (EVERYONE,), ()),
            ({"user_id": None, "user_ids": ["a", "b", "a"]}, (user_target("x", "a"), user_target("x", "b")), ()),
            ({"user_id": "b", "user_ids": ["a", "b"], "account_id": None}, (), ("b", "a")),
        ],
    )
    def test_targets_are_resolved_as_far_as_the_request_goes(
        self, fields: dict[str, Any], targets: tuple[str, ...], unresolved: tuple[str, ...]
    ) -> None:
        """Users in a named account are targets at once, each once; others wait for the directory."""
        publication = publish(body_of(**fields))
        assert (targets, unresolved) == (publication.targets, publication.unresolved)

    def test_null_counts_as_missing(self) -> None:
        """A publisher whose user has no account may say so with null."""
        body = (
            b'{"type":"cart_updated","title":"a","message":"b","data":null,"timestamp":null,"user_id":"u",'
            b'"account_id":null,"user_ids":null,"ttl_seconds":null}'
        )
        assert publish(body).unresolved == ("u",)

    @pytest.mark.parametrize("fields", [{}, {"everyone": False}])
    def test_nobody_is_refused(self, fields: dict[str, Any]) -> None:
        """A notification without a target is an error, not a success without effect."""
        with pytest.raises(NoTarget):
            publish(body_of(user_id=None, account_id=None, **fields))

    @pytest.mark.parametrize("fields", [{"user_id": "u"}, {"account_id": "x"}, {"user_ids": ["u"]}])
    def test_everyone_goes_with_no_other_target(self, fields: dict[str, Any]) -> None:
        """Everyone beside another target is taken for a mistake."""
        with pytest.raises(ConflictingTargets):
            publish(body_of(**{"user_id": None, "account_id": None, "everyone": True, **fields}))


class TestRefusal:
    """What cannot be published, and how that is said."""

    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"title": None}, "$.title"),
            ({"title": 5}, "$.title"),
            ({"message": None}, "$.message"),
            ({"type": None}, "$.type"),
            ({"type": 5}, "$.type"),
            ({"priority": 1}, "$.priority"),
            ({"id": "mine"}, "$.id"),
            ({"cursor": "mine"}, "$.cursor"),
            ({"x" * 500: 1}, "$." + "x" * 64),
            ({"a\nb": 1}, "$.?"),
            ({"data": []}, "$.data"),
            ({"data": "text"}, "$.data"),
            ({"data": 5}, "$.data"),
            ({"type": "order_created", "data": []}, "$.data"),
            ({"type": "service-order:closed", "data": "text"}, "$.data"),
            ({"type": "order_created", "data": {"orderId": 2**53}}, "$.data.orderId"),
            ({"type": "order_created", "data": {"items": "many", "orderId": -(2**53)}}, "$.data.orderId"),
            ({"type": "service-order:paid"}, "$.data"),
            ({"type": "service-order:paid", "data": {}}, "$.data.serviceOrderId"),
            ({"type": "service-order:paid", "data": {"serviceOrderId": 1, "technician": 5}}, "$.data.technician"),
            ({"type": "service-order:seen", "data": {}}, "$.data"),
            ({"user_id": ""}, "$.user_id"),
            ({"user_id": 12345678901}, "$.user_id"),
            ({"user_id": "a\n"}, "$.user_id"),
            ({"user_id": "a\x00b"}, "$.user_id"),
            ({"user_id": "\x85"}, "$.user_id"),
            ({"account_id": "a\x1fb"}, "$.account_id"),
            ({"account_id": "x" * 129}, "$.account_id"),
            ({"user_ids": []}, "$.user_ids"),
            ({"user_ids": "u"}, "$.user_ids"),
            ({"user_ids": ["u", "a\n"]}, "$.user_ids[1]"),
            ({"user_ids": ["u"] * 5001}, "$.user_ids"),
            ({"everyone": "yes"}, "$.everyone"),
            ({"ttl_seconds": 0}, "$.ttl_seconds"),
            ({"ttl_seconds": 10**30}, "$.ttl_seconds"),
            ({"ttl_seconds": "60"}, "$.ttl_seconds"),
            ({"timestamp": "yesterday"}, "$.timestamp"),
            ({"timestamp": "2026-11-22T14:03:07"}, "$.timestamp"),
            ({"timestamp": 1795356187}, "$.timestamp"),
            ({"timestamp": "0001-01-01T00:00:00+14:00"}, "$.timestamp"),
            ({"timestamp": "9999-12-31T23:59:59-14:00"}, "$.timestamp"),
        ],
    )
    def test_unusable_field_is_named_by_its_path(self, fields: dict[str, Any], path: str) -> None:
        """The answer says which field; it never repeats what the field held."""
        with pytest.raises(InvalidField) as caught:
            publish(body_of(**fields))
        assert path == caught.value.field
        assert "many" not in caught.value.detail

    @pytest.mark.parametrize("body", [b"[]", b"5", b'"x"', b"null", b"true"])
    def test_body_that_is_no_object_is_refused(self, body: bytes) -> None:
        """A body is one JSON object."""
        with pytest.raises(InvalidField) as caught:
            publish(body)
        assert caught.value.field == "$"

    def test_unknown_type_lists_the_known_ones(self) -> None:
        """The error for a mistyped type lists the types to choose from."""
        with pytest.raises(UnknownType) as caught:
            publish(body_of(type="order_craeted"))
        assert all(tag in caught.value.detail for tag in REGISTRY.types)
        assert tuple(REGISTRY.types) == caught.value.known
        assert caught.value.field == "$.type"

    @pytest.mark.parametrize("tag", ["connection_established", "gap", "heartbeat", "closing", "reconnect", "auth"])
    def test_types_of_the_hub_itself_are_reserved(self, tag: str) -> None:
        """No service can speak as the hub."""
        with pytest.raises(ReservedType):
            publish(body_of(type=tag))

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"{",
            body_of() + b"x",
            b"\xef\xbb\xbf",
            b"\xff",
            b"{'a':1}",
            b'{"type":"cart_updated","title":"\xff","message":"b","everyone":true}',
            b'{"type":"cart_updated","title":"\\ud800","message":"b","everyone":true}',
            with_data(b'{"a":"\xff"}'),
            with_data(b'{"\xc3\x28":1}'),
            with_data(b'{"a":"\\ud800"}'),
            with_data(b'{"a":"\\udc00\\ud800"}'),
            with_data(b'{"a":NaN}'),
            with_data(b'{"a":Infinity}'),
            with_data(b'{"a":01}'),
            with_data(b'{"a":"\n"}'),
            with_data(b'{"a":"\x00"}'),
            with_data(b'{"a":1,}'),
            with_data(b'{"a":"\xed\xa0\x80"}'),
            with_data(b'{"a":"\xf4\x90\x80\x80"}'),
        ],
    )
    def test_what_is_no_json_in_utf8_is_refused(self, body: bytes) -> None:
        """Nothing gets into the log that a client's parser would choke on."""
        with pytest.raises(InvalidJson):
            publish(body)

    @pytest.mark.parametrize("data", [b'{"a":1e400}', b'{"a":%b}' % (b"9" * 5000)])
    def test_numbers_no_machine_holds_are_refused(self, data: bytes) -> None:
        """A number beyond every type is a 4xx, not an overflow."""
        with pytest.raises((InvalidField, InvalidJson)):
            publish(with_data(data))

    def test_ttl_may_not_exceed_the_retention(self) -> None:
        """Nothing is promised for longer than the hub keeps anything."""
        with pytest.raises(InvalidField) as caught:
            parse_publish(body_of(ttl_seconds=61), REGISTRY, now_s=NOW_S, max_ttl_s=60)
        assert caught.value.field == "$.ttl_seconds"
        assert parse_publish(body_of(ttl_seconds=60), REGISTRY, now_s=NOW_S, max_ttl_s=60).ttl_seconds == 60

    def test_type_without_ttl_is_delivered_as_long_as_anything(self) -> None:
        """A type whose policy says nothing behaves as before there were policies: the request alone decides."""
        assert publish(body_of(type="profile_updated")).ttl_seconds is None
        assert publish(body_of(type="profile_updated", ttl_seconds=10**8)).ttl_seconds == 10**8

    def test_ttl_of_the_type_is_the_default_and_the_most(self) -> None:
        """A request without one has that of its type; a request may be stricter, and never laxer."""
        day_s = REGISTRY.policies["cart_updated"].ttl_seconds
        assert day_s == 86_400
        assert publish(body_of()).ttl_seconds == day_s
        assert publish(body_of(ttl_seconds=1)).ttl_seconds == 1
        assert publish(body_of(ttl_seconds=day_s)).ttl_seconds == day_s
        with pytest.raises(InvalidField, match=r"at most 86400 seconds; give less, or leave it out") as caught:
            publish(body_of(ttl_seconds=day_s + 1))
        assert caught.value.field == "$.ttl_seconds"

    def test_retention_shortens_the_ttl_of_a_type(self) -> None:
        """An operator who keeps less than a type's author thought of refuses no publish for it."""
        assert parse_publish(body_of(), REGISTRY, now_s=NOW_S, max_ttl_s=60).ttl_seconds == 60

    @settings(max_examples=400)
    @given(st.binary(max_size=80))
    def test_arbitrary_bytes_are_refused_as_the_callers_fault(self, noise: bytes) -> None:
        """No bytes whatever cause anything but a publication or a 4xx."""
        parsers = (publish, lambda body: parse_batch(body, REGISTRY, now_s=NOW_S))
        for body in (noise, with_data(noise), b'{"notifications":[' + noise + b"]}"):
            assert {status_of(parse, body) for parse in parsers} <= {202, 400}

    @settings(max_examples=300)
    @given(st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(LIKELY)))
    def test_arbitrary_fields_are_published_or_refused(self, fields: dict[str, Any]) -> None:
        """No combination of field values causes anything but a good frame or a 4xx."""
        body = body_of(**fields)
        assert status_of(lambda body: check_frame(publish(body)), body) in {202, 400}


def check_frame(publication: Publication) -> None:
    """Read a frame as a subscriber does; where nothing was warned of, its shape is as declared."""
    payload = publication.payload("n")
    json.loads(payload)
    if not publication.mismatches:
        decode_frame(REGISTRY, payload)


#: What comes, of which type; what is warned of: label, path and how the detail begins.
SHAPES: list[tuple[str, bytes, list[tuple[str, str, str]]]] = [
    ("order_created", b'{"items":"[{}]"}', [("items", "$.data.items", "Expected `array | null`, got `str`")]),
    ("order_created", b'{"items":{},"orderId":[1],"orderCode":false,"total":{}}',
     [("orderId", "$.data.orderId", "Expected"), ("orderCode", "$.data.orderCode", "Expected"),
      ("items", "$.data.items", "Expected"), ("total", "$.data.total", "Expected")]),
    ("order_created", b'{"orderId":1.5}', [("orderId", "$.data.orderId", "Expected")]),
    ("order_created", b'{"items":1,"items":[]}', [("*", "$.data.items", "Expected")]),
    ("order_updated", b'{"status":7,"trackingCode":{"a":1}}',
     [("status", "$.data.status", "Expected"), ("trackingCode", "$.data.trackingCode", "Expected")]),
    ("stock_alert", b'{"currentStock":"9","minStock":null,"\\u0000evil":"9"}',
     [("currentStock", "$.data.currentStock", "Expected")]),
    ("service-order:created", b'{"serviceOrderId":1,"technician":null}',
     [("technician", "$.data.technician", "Expected `str`, got `null`")]),
    ("service-order:created", b'{}', [("serviceOrderId", "$.data.serviceOrderId", "The field is missing")]),
    ("service-order:created", b"null", [("*", "$.data", "This type needs `data`")]),
    ("service-order:closed", b'{"a":1}', [("*", "$.data", "This type has no `data`")]),
    ("service-order:moved", b'{"stops":[{"place":"a"},{"place":7}]}',
     [("stops", "$.data.stops[1].place", "Expected `str`, got `int`")]),
    ("service-order:moved", b'{"stops":[],"evil":1}', [("*", "$.data.evil", "The field is not known here")]),
    ("service-order:split", b'{"kind":"c"}', [("*", "$.data.kind", "")]),
]  # fmt: skip


class TestShape:
    """`data` that is not of the declared shape."""

    @pytest.mark.parametrize(("tag", "data", "expected"), SHAPES)
    def test_another_shape_is_passed_on_as_it_came_and_named(
        self, tag: str, data: bytes, expected: list[tuple[str, str, str]]
    ) -> None:
        """Nothing is lost for the shape of what is only shown; each field that differs is named once."""
        publication = publish(with_data(data, tag))
        assert [(label, path) for label, path, _ in expected] == [
            (mismatch.label, mismatch.path) for mismatch in publication.mismatches
        ]
        for mismatch, (_, _, detail) in zip(publication.mismatches, expected, strict=True):
            assert mismatch.detail.startswith(detail)
        assert (b',"data":' + data + b',"timestamp"' in publication.prefix) is (data != b"null")

    @pytest.mark.parametrize(
        ("tag", "data"),
        [
            ("order_created", b'{"orderId":null,"orderCode":null,"items":null,"total":null}'),
            ("order_created", b'{"orderId":"7","orderCode":7,"items":[1,"a",null],"total":"1234.50"}'),
            ("order_created", b'{"total":1234.5,"more":{"a":[9007199254740991]}}'),
            ("service-order:split", b'{"kind":"b"}'),
            ("return_responded", b'{"status":[],"anything":{}}'),
        ],
    )
    def test_what_is_declared_is_no_mismatch(self, tag: str, data: bytes) -> None:
        """Null, each of several types, fields that are not declared, and any object where the data is free."""
        assert () == publish(with_data(data, tag)).mismatches

    @given(st.dictionaries(TEXT, JSON, max_size=5), st.sampled_from(["order_created", "service-order:moved"]))
    def test_labels_are_declared_names_alone(self, data: dict[str, Any], tag: str) -> None:
        """No key that was sent can become a metric's label."""
        raw = json.dumps({**data, "items": "text", "stops": "text"}).encode()
        labels = {mismatch.label for mismatch in publish(with_data(raw, tag)).mismatches}
        assert labels
        assert labels <= {"orderId", "orderCode", "items", "total", "stops", "*"}

    @given(
        st.dictionaries(
            st.sampled_from(["orderId", "orderCode", "items", "total", "more"]), JSON | st.integers(-(2**60), 2**60)
        )
    )
    def test_any_values_are_published_and_told_of(self, data: dict[str, Any]) -> None:
        """Whatever the fields hold, only an integer that would arrive as another is refused."""
        huge = holds_huge(data)
        body = with_data(json.dumps(data).encode(), "order_created")
        assert (400 if huge else 202) == status_of(lambda body: check_frame(publish(body)), body)


class TestIntegersBeyondDoubles:
    @pytest.mark.parametrize(
        ("data", "path"),
        [
            (b'{"total":9007199254740992}', "$.data.total"),
            (b'{"more":9007199254740993}', "$.data.more"),
            (b'{"more":-9007199254740992}', "$.data.more"),
            (b'{"items":[{"id":1},{"id":12345678901234567890}]}', "$.data.items[1].id"),
            (b'{"more":{"a":[[' + b"9" * 40 + b"]]}}", "$.data.more.a[0][0]"),
            (b'{"12345678901":{"id":9007199254740993}}', "$.data[...].id"),
            (b'{"orderId":"9007199254740993","more":9007199254740993}', "$.data.more"),
        ],
    )
    @pytest.mark.parametrize("tag", ["order_created", "cart_updated", "service-order:closed"])
    def test_refused_wherever_it_stands(self, tag: str, data: bytes, path: str) -> None:
        """The refusal names the field and the way out; a name that could be a person's id is not repeated."""
        with pytest.raises(InvalidField, match="send it as text") as raised:
            publish(with_data(data, tag))
        assert path == raised.value.field
        assert "900719" not in raised.value.detail

    @pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400 + ".0", "9" * 5000])
    def test_what_no_double_holds_is_refused(self, number: str) -> None:
        """A number that would arrive as infinity is refused, not passed on."""
        with pytest.raises((InvalidField, InvalidJson)):
            publish(with_data(b'{"more":{"a":%b}}' % number.encode(), "cart_updated"))

    @pytest.mark.parametrize(
        "number",
        [
            *("9007199254740991", "-9007199254740991", "-0", "-0.0", "1e20", "9007199254740993.0", "1e-400", "1E+5"),
            *("0.12345678901234567890123456789", '"9007199254740993"', '"\\"9007199254740993"', "true"),
        ],
    )
    def test_everything_else_passes_as_it_came(self, number: str) -> None:
        """An exact integer, any double and any text reach subscribers in the very characters that were sent."""
        data = b'{"more":[%b,"00000000000000000000"]}' % number.encode()
        assert b',"data":' + data + b',"timestamp"' in publish(with_data(data, "cart_updated")).prefix

    def test_in_a_batch_it_is_that_item_s(self) -> None:
        """The other notifications of the batch are taken, and the path starts at the batch."""
        good = with_data(b'{"a":1}', "cart_updated")
        bad = with_data(b'{"a":9007199254740993}', "cart_updated")
        first, second, third = parse_batch(b'{"notifications":[%b,%b,%b]}' % (good, bad, good), REGISTRY, now_s=0)
        assert isinstance(first, Publication)
        assert isinstance(second, Problem)
        assert ("invalid_field", "$.notifications[1].data.a") == (second.code, second.field)
        assert isinstance(third, Publication)


def holds_huge(value: object) -> bool:
    """Say whether a JSON value holds an integer beyond 2^53 - 1."""
    if isinstance(value, dict):
        return any(holds_huge(part) for part in value.values())
    if isinstance(value, list):
        return any(holds_huge(part) for part in value)
    return isinstance(value, int) and abs(value) >= 2**53


def depth_of(value: object) -> int:
    """Return how deep a decoded JSON value is nested, the plain way."""
    if isinstance(value, dict):
        return 1 + max((depth_of(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(inner) for inner in value), default=0)
    return 0


class TestDepth:
    """How deep a notification may be nested."""

    @pytest.mark.parametrize("levels", [MAX_DEPTH - 2, MAX_DEPTH - 1, 500, 100_000])
    def test_limit_is_exact(self, levels: int) -> None:
        """The notification, its data and 30 more levels pass; one more does not, nor do many more."""
        body = with_data(b'{"a":' + b"[" * levels + b"]" * levels + b"}")
        if levels == MAX_DEPTH - 2:
            publish(body)
            return
        with pytest.raises(TooDeep):
            publish(body)

    @given(st.text(st.sampled_from('[]{}"\\'), min_size=40, max_size=120))
    def test_brackets_in_strings_count_for_nothing(self, text: str) -> None:
        """Depth is that of the JSON, not of the texts in it."""
        publish(with_data(json.dumps({text: [text, {"a": text}]}).encode()))

    @given(JSON, st.integers(15, 35), st.text(st.sampled_from('[{"\\'), max_size=9))
    def test_depth_agrees_with_the_plain_way_to_measure(self, leaf: object, levels: int, text: str) -> None:
        """A notification is refused exactly where it is nested deeper than the limit."""
        value: object = [leaf, text]
        for level in range(levels):
            value = {text: value} if level % 2 else [text, value, []]
        body = with_data(json.dumps({"a": value}).encode())
        if depth_of(json.loads(body)) <= MAX_DEPTH:
            publish(body)
        else:
            with pytest.raises(TooDeep):
                publish(body)


class TestBatch:
    """Several notifications in one request."""

    def test_each_item_gets_its_own_result(self) -> None:
        """A bad item spoils no good one, and the path of its problem starts at the batch."""
        items = [body_of(), body_of(title=None), b"5", body_of(type="nope"), body_of(user_id=None, account_id=None)]
        items += [with_data(b"[]", "order_created"), with_data(b'{"a":' + b"[" * 40 + b"]" * 40 + b"}")]
        results = parse_batch(b'{"notifications":[' + b",".join(items) + b"]}", REGISTRY, now_s=NOW_S)
        assert publish(items[0]) == results[0]
        problems = [result for result in results if isinstance(result, Problem)]
        kinds = (InvalidField, InvalidField, UnknownType, NoTarget, InvalidField, TooDeep)
        assert [kind.code for kind in kinds] == [problem.code for problem in problems]
        places = ["[1].title", "[2]", "[3].type", "[4]", "[5].data", "[6].data"]
        assert [f"$.notifications{place}" for place in places] == [problem.field for problem in problems]

    def test_an_item_is_as_large_as_one_alone_may_be(self) -> None:
        """One byte more is refused in its place; a batch is no way around the limit of a body."""
        fits, exceeds = body_of(message="x" * 100), body_of(message="x" * 101)
        body = b'{"notifications":[%b,%b]}' % (fits, exceeds)
        good, bad = parse_batch(body, REGISTRY, now_s=NOW_S, max_item_bytes=len(fits))
        assert isinstance(good, Publication)
        assert isinstance(bad, Problem)
        assert (BodyTooLarge.code, "$.notifications[1]") == (bad.code, bad.field)

    @pytest.mark.parametrize(
        ("body", "failure"),
        [
            (b"[]", InvalidField),
            (b"{}", InvalidField),
            (b'{"notifications":[]}', InvalidField),
            (b'{"notifications":{}}', InvalidField),
            (b'{"notifications":[{}],"more":1}', InvalidField),
            (b'{"notifications":[' + b",".join([b"{}"] * 1001) + b"]}", InvalidField),
            (b'{"notifications":[{]}', InvalidJson),
            (b'{"notifications":[{"title":"\xff"}]}', InvalidJson),
            (b'{"notifications":[' + b"[" * 5000 + b"]" * 5000 + b"]}", TooDeep),
        ],
    )
    def test_malformed_batch_is_refused_whole(self, body: bytes, failure: type[HubError]) -> None:
        """A batch that cannot be taken apart has no results."""
        with pytest.raises(failure):
            parse_batch(body, REGISTRY, now_s=NOW_S)
