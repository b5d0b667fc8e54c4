"""The failures that several operations share, so that the API document lists each of them where it can happen."""

from __future__ import annotations

from hub import errors

__all__ = [
    "ALL_ACCOUNTS_FAILURES",
    "BODY_FAILURES",
    "CONNECT_FAILURES",
    "INBOX_FAILURES",
    "PAGE_FAILURES",
    "PUBLISH_FAILURES",
    "SERVICE_FAILURES",
    "STORE_FAILURES",
    "STREAM_FAILURES",
    "USER_FAILURES",
]

SERVICE_FAILURES = (errors.Unauthenticated, errors.InvalidToken, errors.Forbidden)
#: Of what a key that is limited to some accounts may not do, or must name one of them for.
ALL_ACCOUNTS_FAILURES = (*SERVICE_FAILURES, errors.KeyLimitedToAccounts)
BODY_FAILURES = (
    errors.BadRequest,
    errors.InvalidJson,
    errors.TooDeep,
    errors.InvalidField,
    errors.RequestTimeout,
    errors.BodyTooLarge,
    errors.UnsupportedMediaType,
    errors.UnsupportedContentEncoding,
)
PUBLISH_FAILURES = (
    errors.UnknownType,
    errors.ReservedType,
    errors.NoTarget,
    errors.ConflictingTargets,
    errors.UnknownTarget,
    errors.IdempotencyConflict,
)
#: Draining: of a request that was not whole, or not answered, at the end of a shutdown.
STORE_FAILURES = (errors.StorageUnavailable, errors.Overloaded, errors.Draining)
USER_FAILURES = (
    errors.Unauthenticated,
    errors.InvalidToken,
    errors.TokenExpired,
    errors.OriginNotAllowed,
    errors.UserNotAllowed,
    errors.AccountInactive,
    errors.DirectoryUnavailable,
    errors.KeysUnavailable,
    errors.TokenNotYetValid,
)
PAGE_FAILURES = (
    errors.BadRequest,
    errors.InvalidCursor,
    *USER_FAILURES,
    errors.Forbidden,
    errors.Draining,
    errors.StorageUnavailable,
)
INBOX_FAILURES = (
    errors.BadRequest,
    errors.InvalidField,
    errors.InvalidCursor,
    *USER_FAILURES,
    errors.InboxOff,
    errors.StorageUnavailable,
    errors.Draining,
    errors.Internal,
)
CONNECT_FAILURES = (
    errors.BadRequest,
    errors.InvalidCursor,
    *USER_FAILURES,
    errors.Forbidden,
    errors.HubFull,
    errors.Draining,
)
#: A reader of Durable Streams has a place in the log, and, while it waits, a connection.
STREAM_FAILURES = (
    *CONNECT_FAILURES,
    errors.OffsetGone,
    errors.TooManyConnections,
    errors.StorageUnavailable,
    errors.Overloaded,
)
