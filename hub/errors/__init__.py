"""Every failure the hub can name, in one table: code -> HTTP status -> close code.

    HubError                     base: has a stable `code`, never a secret or an id in its text
    +-- one subclass per row of the table below

A WebSocket close code below 4500 tells the client to come back with its cursor; 4500 and above
tells it to stop until something changes. HTTP responses are RFC 9457 problems built from the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, ClassVar

from contracts.closing import CloseCode

__all__ = [
    "AccountInactive",
    "BadRequest",
    "BodyTooLarge",
    "ConflictingTargets",
    "DirectoryUnavailable",
    "Draining",
    "Forbidden",
    "HeadersTooLarge",
    "HubError",
    "HubFull",
    "IdempotencyConflict",
    "InboxOff",
    "Internal",
    "InvalidCursor",
    "InvalidField",
    "InvalidJson",
    "InvalidToken",
    "KeyLimitedToAccounts",
    "KeysUnavailable",
    "MandatoryType",
    "MethodNotAllowed",
    "NoTarget",
    "NotFound",
    "OffsetGone",
    "OriginNotAllowed",
    "Overloaded",
    "PushOff",
    "RequestTimeout",
    "ReservedType",
    "SettingsError",
    "StorageUnavailable",
    "TokenExpired",
    "TokenNotYetValid",
    "TooDeep",
    "TooManyConnections",
    "Unauthenticated",
    "UnknownNotification",
    "UnknownTarget",
    "UnknownType",
    "UnsupportedContentEncoding",
    "UnsupportedMediaType",
    "UnsupportedTransferCoding",
    "UpgradeRequired",
    "UriTooLong",
    "UserNotAllowed",
]


class _Standard(IntEnum):
    """The close codes of RFC 6455 section 7.4.1, and 1013 of its registry, that a failure of the hub uses."""

    UNSUPPORTED_DATA = 1003
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013


class HubError(Exception):
    """A failure with a stable code.

    `detail` is shown to callers, so it never holds a token, a key, a user id or an account id.
    `field` is the path of the offending field (`$.data.total`), where there is one.
    `retry_after_s` becomes `Retry-After` on HTTP. `reason` is for the operator alone (log lines, `hub token
    inspect`): it names the claim, header or rule that decided, and holds no value that anybody sent.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    close_code: ClassVar[int] = _Standard.INTERNAL_ERROR
    title: ClassVar[str] = "The hub failed"

    def __init__(
        self,
        detail: str | None = None,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.field = field
        self.retry_after_s = retry_after_s
        self.reason = reason


class Internal(HubError):
    """Something the hub did not foresee; the text says nothing about it on purpose."""


# 400: what the caller sent cannot be used as it is


class BadRequest(HubError):
    code, status = "bad_request", 400
    close_code: ClassVar[int] = _Standard.POLICY_VIOLATION
    title = "The request cannot be used"


class InvalidJson(BadRequest):
    code = "invalid_json"
    title = "The body is not valid JSON in UTF-8"


class TooDeep(BadRequest):
    code = "too_deep"
    title = "The body is nested too deeply"


class InvalidField(BadRequest):
    code = "invalid_field"
    title = "A field has a value of the wrong type or range"


class InvalidCursor(BadRequest):
    # Not a gap: a client that mistypes a cursor would be told that something is lost, and come back with it for ever.
    code, close_code = "invalid_cursor", CloseCode.INVALID_CURSOR
    title = "This is not a cursor of a hub"


class UnknownType(BadRequest):
    code = "unknown_type"
    title = "The notification type is not known"

    def __init__(self, detail: str | None = None, *, known: Iterable[str] = (), **about: Any) -> None:
        super().__init__(detail, **about)
        #: The types that are known, for the caller to choose from.
        self.known = tuple(known)


class ReservedType(BadRequest):
    code = "reserved_type"
    title = "The notification type is sent by the hub alone"


class NoTarget(BadRequest):
    code = "no_target"
    title = "The notification names nobody to send it to"


class ConflictingTargets(BadRequest):
    code = "conflicting_targets"
    title = "The targets exclude each other"


# 401 and 403: who is asking


class Unauthenticated(HubError):
    code, status, close_code = "unauthenticated", 401, CloseCode.INVALID_TOKEN
    title = "A credential is required"


class InvalidToken(HubError):
    code, status, close_code = "invalid_token", 401, CloseCode.INVALID_TOKEN
    title = "The credential is not valid"


class TokenExpired(HubError):
    code, status, close_code = "token_expired", 401, CloseCode.TOKEN_EXPIRED
    title = "The token has expired"


class Forbidden(HubError):
    code, status, close_code = "forbidden", 403, CloseCode.NOT_ALLOWED
    title = "The credential does not allow this"


class KeyLimitedToAccounts(Forbidden):
    code = "key_limited_to_accounts"
    title = "This service key is limited to some accounts"


class OriginNotAllowed(HubError):
    code, status, close_code = "origin_not_allowed", 403, CloseCode.NOT_ALLOWED
    title = "This origin is not allowed"


class UserNotAllowed(HubError):
    code, status, close_code = "user_not_allowed", 403, CloseCode.NOT_ALLOWED
    title = "This user may not connect"


class AccountInactive(HubError):
    code, status, close_code = "account_inactive", 403, CloseCode.NOT_ALLOWED
    title = "This account is not active"


# 404 to 422: what was asked for


class NotFound(HubError):
    code, status, close_code = "not_found", 404, CloseCode.NOT_ALLOWED
    title = "Not found"


class InboxOff(NotFound):
    code = "inbox_off"
    title = "This hub keeps no inbox (HUB_INBOX=off)"


class PushOff(NotFound):
    code = "push_off"
    title = "This hub has no Web Push"


class MethodNotAllowed(HubError):
    code, status, close_code = "method_not_allowed", 405, _Standard.POLICY_VIOLATION
    title = "The method is not allowed here"

    def __init__(
        self, detail: str | None = None, *, allow: Iterable[str] = ("GET", "HEAD", "OPTIONS"), **about: Any
    ) -> None:
        super().__init__(detail, **about)
        #: The methods that are; they become `Allow`.
        self.allow = tuple(allow)


class OffsetGone(HubError):
    code, status = "offset_gone", 410
    close_code: ClassVar[int] = _Standard.POLICY_VIOLATION
    title = "The log no longer holds all that follows this offset"

    def __init__(self, detail: str | None = None, *, next_offset: str = "", **about: Any) -> None:
        super().__init__(detail, **about)
        #: Where a reader goes on after the gap; it becomes `Stream-Next-Offset`.
        self.next_offset = next_offset


class RequestTimeout(HubError):
    code, status, close_code = "request_timeout", 408, _Standard.POLICY_VIOLATION
    title = "The request took too long to arrive"


class BodyTooLarge(HubError):
    code, status, close_code = "body_too_large", 413, _Standard.MESSAGE_TOO_BIG
    title = "The body is too large"


class UriTooLong(HubError):
    code, status, close_code = "uri_too_long", 414, _Standard.POLICY_VIOLATION
    title = "The URL is too long"


class UnsupportedMediaType(HubError):
    code, status, close_code = "unsupported_media_type", 415, _Standard.UNSUPPORTED_DATA
    title = "The body must be application/json"


class UnsupportedContentEncoding(HubError):
    code, status, close_code = "unsupported_content_encoding", 415, _Standard.UNSUPPORTED_DATA
    title = "The body must not be compressed"


class UnknownTarget(HubError):
    code, status, close_code = "unknown_target", 422, _Standard.POLICY_VIOLATION
    title = "A target cannot be resolved"


class UnknownNotification(HubError):
    code, status, close_code = "unknown_notification", 422, _Standard.POLICY_VIOLATION
    title = "The inbox has no notification with this id"


class IdempotencyConflict(HubError):
    code, status, close_code = "idempotency_conflict", 422, _Standard.POLICY_VIOLATION
    title = "This Idempotency-Key was used with another body"


class MandatoryType(HubError):
    code, status, close_code = "mandatory_type", 422, _Standard.POLICY_VIOLATION
    title = "Notifications of this type cannot be muted"


class UpgradeRequired(HubError):
    code, status, close_code = "upgrade_required", 426, _Standard.POLICY_VIOLATION
    title = "This is for WebSocket handshakes of version 13"


class TooManyConnections(HubError):
    code, status, close_code = "too_many_connections", 429, CloseCode.TOO_MANY_CONNECTIONS
    title = "This user has as many connections as one may have"


class HeadersTooLarge(HubError):
    code, status, close_code = "headers_too_large", 431, _Standard.MESSAGE_TOO_BIG
    title = "The headers are too large"


# 501: never


class UnsupportedTransferCoding(HubError):
    code, status, close_code = "unsupported_transfer_coding", 501, _Standard.UNSUPPORTED_DATA
    title = "Of the transfer codings only chunked is understood"


# 503: later


class HubFull(HubError):
    code, status, close_code = "hub_full", 503, CloseCode.HUB_FULL
    title = "The hub holds as many connections as it may"


class Draining(HubError):
    code, status, close_code = "draining", 503, CloseCode.DRAIN
    title = "The hub is restarting"


class Overloaded(HubError):
    code, status, close_code = "overloaded", 503, _Standard.TRY_AGAIN_LATER
    title = "The hub has too much to do"


class StorageUnavailable(HubError):
    code, status, close_code = "storage_unavailable", 503, _Standard.TRY_AGAIN_LATER
    title = "The log cannot be written"


class DirectoryUnavailable(HubError):
    code, status, close_code = "directory_unavailable", 503, _Standard.TRY_AGAIN_LATER
    title = "Users cannot be looked up"

    #: Why, in words for the log and for `hub check`; callers are told the title alone.
    cause: str = ""


class TokenNotYetValid(HubError):
    code, status, close_code = "token_not_yet_valid", 503, _Standard.TRY_AGAIN_LATER
    title = "The token is not valid yet"


class KeysUnavailable(HubError):
    code, status, close_code = "keys_unavailable", 503, _Standard.TRY_AGAIN_LATER
    title = "Tokens cannot be verified at the moment"


# What no caller meets: the start of the hub


class SettingsError(HubError):
    """A setting that cannot be used; the text names it, its problem and an example."""

    code = "settings"
    title = "A setting cannot be used"
