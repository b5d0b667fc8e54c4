"""What each response to a publish says about its row."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hub.errors as errors
from contracts.receipt import Receipt
from hub.errors import HubError
from hub.errors.problem import describe_problem
from hub.relay.response import MAX_REASON, read_response
from hub.relay.row import Dead, Failed, HubAway, Outcome, Published

NOW_S = 1_800_000_000.0
RECEIPT = Receipt(id="i", cursor="c-1", duplicate=False, connections=0)


def respond(status: int, body: bytes = b"", **headers: str) -> Outcome:
    """Return what a response says; the names of headers with underscores."""
    named = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return read_response(status, named, body, now_s=NOW_S)


def problem(error: HubError) -> Outcome:
    """Return what a failure of the hub says."""
    return respond(error.status, msgspec.json.encode(describe_problem(error)))


@pytest.mark.parametrize("duplicate", [False, True])
def test_a_receipt_is_published(duplicate: bool) -> None:
    """The row is on the hub's disk, from this request or an earlier one."""
    receipt = msgspec.structs.replace(RECEIPT, duplicate=duplicate)
    assert Published(duplicate) == respond(201, msgspec.json.encode(receipt))


#: What is about the key, the address or the moment, by code; all else that is a 4xx is about the row.
ABOUT_THE_RELAY = {
    *("unauthenticated", "invalid_token", "token_expired", "not_found", "method_not_allowed", "request_timeout"),
    *("too_many_connections", "inbox_off", "push_off"),
}
#: What is about one row, and not for ever.
ABOUT_THE_MOMENT = {"internal", "directory_unavailable"}
FAILURES = [
    kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), HubError) and kind.code != "settings"
]


@pytest.mark.parametrize("kind", [*FAILURES, errors.Internal], ids=lambda kind: str(kind.code))
def test_every_failure_of_the_hub_has_its_verdict(kind: type[HubError]) -> None:
    """A row is dead where the hub will refuse it for ever, and never for what is about the key or the moment."""
    outcome = problem(kind())
    expected: type = HubAway if kind.code in ABOUT_THE_RELAY or kind.status >= 500 else Dead
    assert (Failed if kind.code in ABOUT_THE_MOMENT else expected) is type(outcome)
    assert kind.code == getattr(outcome, "code", None)


def test_a_fault_of_the_hub_counts_as_an_attempt() -> None:
    """A row on which the hub itself fails is given up some day; one whose users cannot be looked up is not."""
    internal, directory = problem(errors.Internal()), problem(errors.DirectoryUnavailable())
    assert isinstance(internal, Failed)
    assert isinstance(directory, Failed)
    assert (True, False) == (internal.counts, directory.counts)


@pytest.mark.parametrize("status", [301, 401, 404, 405, 407, 408, 429, 500, 502, 503, 504])
def test_another_server_says_nothing_of_the_row(status: int) -> None:
    """A proxy, or a wrong HUB_URL, makes no row dead: the relay waits."""
    assert HubAway(f"http_{status}", respond(status, b"<html>").reason) == respond(status, b"<html>")  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [400, 403, 415, 418, 422])
def test_a_proxy_that_refuses_a_row_holds_its_key_alone(status: int) -> None:
    """A firewall may dislike one body; the row is sent again later, and other keys go on."""
    outcome = respond(status, b"<html>")
    assert isinstance(outcome, Failed)
    assert not outcome.counts


@pytest.mark.parametrize("status", [413, 414, 431])
def test_what_is_too_large_for_a_proxy_is_dead(status: int) -> None:
    """It will never be smaller."""
    assert isinstance(respond(status, b"<html>"), Dead)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"\xff", b'{"id":1}'])
def test_a_success_without_a_receipt_is_not_a_success(body: bytes) -> None:
    """A captive portal says 200 to everything: nothing was published."""
    outcome = respond(200, body)
    assert isinstance(outcome, HubAway)
    assert "not_a_hub" == outcome.code


def test_a_foreign_problem_makes_no_row_dead() -> None:
    """Other servers use RFC 9457 too; only the hub's types count."""
    body = b'{"type":"about:blank","title":"t","status":422,"detail":"d","code":"unknown_type"}'
    assert isinstance(respond(422, body), Failed)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str, seconds: float | None) -> None:
    """Seconds, or a moment (RFC 9110 section 10.2.3); anything else counts as nothing."""
    outcome = read_response(429, {"retry-after": text}, b"", now_s=NOW_S)
    assert isinstance(outcome, HubAway)
    assert seconds == outcome.retry_after_s


@given(st.integers(100, 599), st.binary(max_size=200), st.text(max_size=40))
def test_no_response_breaks_it(status: int, body: bytes, retry_after: str) -> None:
    """Whatever a server sends has an outcome, and only a receipt is published."""
    outcome = read_response(status, {"retry-after": retry_after}, body, now_s=NOW_S)
    assert not isinstance(outcome, Published)


def test_a_reason_is_bounded() -> None:
    """What a row keeps of a refusal has an end."""
    outcome = problem(errors.UnknownType("x" * 10_000))
    assert isinstance(outcome, Dead)
    assert MAX_REASON == len(outcome.reason)
