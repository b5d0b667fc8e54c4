"""Every failure the hub can name, in one table: code -> HTTP status -> close code.

    HubError                     base: has a stable `code`, never a secret or an id in its text
    +-- one subclass per row of the table below

A WebSocket close code below 4500 tells the client to come back with its cursor; 4500 and above
tells it to stop until something changes. HTTP answers are RFC 9457 problems built from the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "AccountInactive",
    "BadRequest",
    "BodyTooLarge",
    "ConflictingTargets",
    "DirectoryUnavailable",
    "Disconnected",
    "Draining",
    "Forbidden",
    "HeadersTooLarge",
    "HubError",
    "HubFull",
    "IdempotencyConflict",
    "Internal",
    "InvalidCursor",
    "InvalidField",
    "InvalidJson",
    "InvalidToken",
    "KeysUnavailable",
    "MethodNotAllowed",
    "NoTarget",
    "NotFound",
    "OriginNotAllowed",
    "Overloaded",
    "RequestTimeout",
    "ReservedType",
    "SettingsError",
    "StorageUnavailable",
    "TokenExpired",
    "TokenNotYetValid",
    "TooDeep",
    "Unauthenticated",
    "UnknownTarget",
    "UnknownType",
    "UnsupportedContentEncoding",
    "UnsupportedMediaType",
    "UnsupportedTransferCoding",
    "UpgradeRequired",
    "UriTooLong",
    "UserNotAllowed",
]


class HubError(Exception):
    """A failure with a stable code.

    `detail` is shown to callers, so it never holds a token, a key, a user id or an account id.
    `field` is the path of the offending field (`$.data.total`), where there is one.
    `retry_after_s` becomes `Retry-After` on HTTP. `reason` is for the operator alone (log lines, `hub token
    inspect`): it names the claim, header or rule that decided, and holds no value that anybody sent.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    close_code: ClassVar[int] = 1011
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
    code, status, close_code, title = "bad_request", 400, 1008, "The request cannot be used"


class InvalidJson(BadRequest):
    code, title = "invalid_json", "The body is not valid JSON in UTF-8"


class TooDeep(BadRequest):
    code, title = "too_deep", "The body is nested too deeply"


class InvalidField(BadRequest):
    code, title = "invalid_field", "A field has a value of the wrong type or range"


class InvalidCursor(BadRequest):
    # Not a gap: whoever mistypes a cursor would be told that something is lost, and come back with it for ever.
    code, close_code, title = "invalid_cursor", 4504, "This is not a cursor of a hub"


class UnknownType(BadRequest):
    code, title = "unknown_type", "The notification type is not known"

    def __init__(self, detail: str | None = None, *, known: Iterable[str] = (), **about: Any) -> None:
        super().__init__(detail, **about)
        #: The types that are known, for the caller to choose from.
        self.known = tuple(known)


class ReservedType(BadRequest):
    code, title = "reserved_type", "The notification type is sent by the hub alone"


class NoTarget(BadRequest):
    code, title = "no_target", "The notification names nobody to send it to"


class ConflictingTargets(BadRequest):
    code, title = "conflicting_targets", "The targets exclude each other"


# 401 and 403: who is asking


class Unauthenticated(HubError):
    code, status, close_code, title = "unauthenticated", 401, 4500, "A credential is required"


class InvalidToken(HubError):
    code, status, close_code, title = "invalid_token", 401, 4500, "The credential is not valid"


class TokenExpired(HubError):
    code, status, close_code, title = "token_expired", 401, 4001, "The token has expired"


class Forbidden(HubError):
    code, status, close_code, title = "forbidden", 403, 4501, "The credential does not allow this"


class OriginNotAllowed(HubError):
    code, status, close_code, title = "origin_not_allowed", 403, 4501, "This origin is not allowed"


class UserNotAllowed(HubError):
    code, status, close_code, title = "user_not_allowed", 403, 4501, "This user may not connect"


class AccountInactive(HubError):
    code, status, close_code, title = "account_inactive", 403, 4501, "This account is not active"


# 404 to 422: what was asked for


class NotFound(HubError):
    code, status, close_code, title = "not_found", 404, 4501, "There is nothing here"


class MethodNotAllowed(HubError):
    code, status, close_code, title = "method_not_allowed", 405, 1008, "The method is not allowed here"

    def __init__(
        self, detail: str | None = None, *, allow: Iterable[str] = ("GET", "HEAD", "OPTIONS"), **about: Any
    ) -> None:
        super().__init__(detail, **about)
        #: The methods that are; they become `Allow`.
        self.allow = tuple(allow)


class RequestTimeout(HubError):
    code, status, close_code, title = "request_timeout", 408, 1008, "The request took too long to arrive"


class BodyTooLarge(HubError):
    code, status, close_code, title = "body_too_large", 413, 1009, "The body is too large"


class UriTooLong(HubError):
    code, status, close_code, title = "uri_too_long", 414, 1008, "The URL is too long"


class UnsupportedMediaType(HubError):
    code, status, close_code, title = "unsupported_media_type", 415, 1003, "The body must be application/json"


class UnsupportedContentEncoding(HubError):
    code, status, close_code, title = "unsupported_content_encoding", 415, 1003, "The body must not be compressed"


class UnknownTarget(HubError):
    code, status, close_code, title = "unknown_target", 422, 1008, "A target cannot be resolved"


class IdempotencyConflict(HubError):
    code, status, close_code, title = (
        "idempotency_conflict",
        422,
        1008,
        "This Idempotency-Key was used with another body",
    )


class UpgradeRequired(HubError):
    code, status, close_code, title = "upgrade_required", 426, 1008, "This is for WebSocket handshakes of version 13"


class HeadersTooLarge(HubError):
    code, status, close_code, title = "headers_too_large", 431, 1009, "The headers are too large"


# 501: never


class UnsupportedTransferCoding(HubError):
    code, status, close_code, title = (
        "unsupported_transfer_coding",
        501,
        1003,
        "Of the transfer codings only chunked is understood",
    )


# 503: later


class HubFull(HubError):
    code, status, close_code, title = "hub_full", 503, 4503, "The hub holds as many connections as it may"


class Draining(HubError):
    code, status, close_code, title = "draining", 503, 1012, "The hub is restarting"


class Overloaded(HubError):
    code, status, close_code, title = "overloaded", 503, 1013, "The hub has too much to do"


class StorageUnavailable(HubError):
    code, status, close_code, title = "storage_unavailable", 503, 1013, "The log cannot be written"


class DirectoryUnavailable(HubError):
    code, status, close_code, title = "directory_unavailable", 503, 1013, "Users cannot be looked up"

    #: Why, in words for the log and for `hub check`; callers are told the title alone.
    cause: str = ""


class TokenNotYetValid(HubError):
    code, status, close_code, title = "token_not_yet_valid", 503, 1013, "The token is not valid yet"


class KeysUnavailable(HubError):
    code, status, close_code, title = "keys_unavailable", 503, 1013, "Tokens cannot be verified at the moment"


# Ends of a live connection that no request can meet


class Disconnected(HubError):
    code, status, close_code, title = "disconnected", 403, 4502, "Disconnected by an operator"


class SettingsError(HubError):
    """A setting that cannot be used; the text names it, its problem and an example."""

    code, title = "settings", "A setting cannot be used"
