"""The table of failures: what callers compare with must be there, be unique and stay the same."""

from __future__ import annotations

import re

import pytest

from contracts.closing import CloseCode, may_return
from hub import errors
from hub.errors import HubError

ROWS = sorted(
    (value for name in errors.__all__ if issubclass(value := getattr(errors, name), HubError)),
    key=lambda row: row.code,
)

#: The promise to callers: code, HTTP status, close code. A row that changes here breaks a client somewhere.
PROMISED = {
    "account_inactive": (403, 4501),
    "bad_request": (400, 1008),
    "body_too_large": (413, 1009),
    "conflicting_targets": (400, 1008),
    "directory_unavailable": (503, 1013),
    "draining": (503, 1012),
    "forbidden": (403, 4501),
    "headers_too_large": (431, 1009),
    "hub_full": (503, 4503),
    "idempotency_conflict": (422, 1008),
    "inbox_off": (404, 4501),
    "internal": (500, 1011),
    "invalid_cursor": (400, 4504),
    "invalid_field": (400, 1008),
    "invalid_json": (400, 1008),
    "invalid_token": (401, 4500),
    "key_limited_to_accounts": (403, 4501),
    "keys_unavailable": (503, 1013),
    "mandatory_type": (422, 1008),
    "method_not_allowed": (405, 1008),
    "no_target": (400, 1008),
    "not_found": (404, 4501),
    "offset_gone": (410, 1008),
    "origin_not_allowed": (403, 4501),
    "overloaded": (503, 1013),
    "push_off": (404, 4501),
    "request_timeout": (408, 1008),
    "reserved_type": (400, 1008),
    "settings": (500, 1011),
    "storage_unavailable": (503, 1013),
    "token_expired": (401, 4001),
    "token_not_yet_valid": (503, 1013),
    "too_deep": (400, 1008),
    "too_many_connections": (429, 4002),
    "unauthenticated": (401, 4500),
    "unknown_notification": (422, 1008),
    "unknown_target": (422, 1008),
    "unknown_type": (400, 1008),
    "unsupported_content_encoding": (415, 1003),
    "unsupported_media_type": (415, 1003),
    "unsupported_transfer_coding": (501, 1003),
    "upgrade_required": (426, 1008),
    "uri_too_long": (414, 1008),
    "user_not_allowed": (403, 4501),
}

#: `Internal` is the base's own row under another name.
DISTINCT = [row for row in ROWS if row is not HubError]


def test_promised_rows() -> None:
    """Codes, statuses and close codes are the promised ones, and a new row must be promised here."""
    assert PROMISED == {row.code: (row.status, row.close_code) for row in DISTINCT}


def test_codes_are_unique() -> None:
    """No two failures share a code."""
    assert len(DISTINCT) == len({row.code for row in DISTINCT})


def test_every_failure_is_exported() -> None:
    """`__all__` names every failure of the module, so the table above sees them all."""
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, HubError)}
    assert defined == set(errors.__all__)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
class TestRow:
    def test_code_is_a_word(self, row: type[HubError]) -> None:
        """A code is lower case with underscores: it is part of a URN and of log lines."""
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.code)

    def test_close_code_can_be_sent(self, row: type[HubError]) -> None:
        """RFC 6455 section 7.4 lets an endpoint send these; 1005, 1006 and 1015 never go over the wire."""
        assert row.close_code in {1003, 1008, 1009, 1011, 1012, 1013} or 4000 <= row.close_code < 5000

    def test_private_close_code_is_a_contract(self, row: type[HubError]) -> None:
        """A close code of the hub's own is one that the contracts explain to clients."""
        assert row.close_code < 4000 or row.close_code in set(CloseCode)

    def test_status_is_a_failure(self, row: type[HubError]) -> None:
        """No failure is answered as a success."""
        assert 400 <= row.status < 600

    def test_title_stands_alone(self, row: type[HubError]) -> None:
        """Without a detail the title says what is wrong, and fits a close frame's 123 bytes."""
        assert row.title == row().detail == str(row())
        assert row.title[0].isupper()
        assert not row.title.endswith(".")
        assert 123 >= len(row.title.encode())

    def test_only_what_was_said(self, row: type[HubError]) -> None:
        """The text is the given detail; field and delay stand beside it."""
        error = row("The list is empty", field="$.user_ids", retry_after_s=3)
        assert ("The list is empty", "The list is empty", "$.user_ids", 3) == (
            str(error),
            error.detail,
            error.field,
            error.retry_after_s,
        )


def test_clients_come_back_where_coming_back_helps() -> None:
    """A credential or a permission that is missing stops a client; a busy or restarting hub does not."""
    final = {row.code for row in DISTINCT if not may_return(row.close_code)}
    assert {
        "account_inactive",
        "forbidden",
        "hub_full",
        "inbox_off",
        "invalid_cursor",
        "invalid_token",
        "key_limited_to_accounts",
        "not_found",
        "origin_not_allowed",
        "push_off",
        "unauthenticated",
        "user_not_allowed",
    } == final
