"""Request bodies: bytes in, a checked request or a 4xx out. Pure, and on the path of every publish.

What a publisher sends in `data` reaches subscribers as the bytes that came: they are checked here,
decoded whole (a string that is not UTF-8, or half a surrogate pair, would close every client it
reaches, at every replay) and then passed on. The one change is that line breaks between tokens become
spaces, since a server-sent event ends a line there; JSON allows no raw line break inside a string.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from hashlib import sha256

import msgspec

from contracts.frame import RESERVED_TYPES
from contracts.request import MAX_TTL_S, BatchRequest, DisconnectRequest, PublishRequest
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
from hub.errors.decoding import complain
from hub.publish.data_rule import Mismatch
from hub.publish.depth import is_deeper
from hub.publish.registry import Contract
from hub.target import EVERYONE, Target, account_target, user_target
from hub.timestamp import format_moment, format_time

__all__ = ["MAX_DEPTH", "Publication", "parse_batch", "parse_disconnect", "parse_publish"]

#: How deep a notification may be nested, itself included.
MAX_DEPTH = 32
#: Every interpreter's decoder skips over what is nested so deep; deeper, some cannot take a batch apart, so none does.
SKIPPED_DEPTH = 256

_publish_decoder = msgspec.json.Decoder(PublishRequest)
_batch_decoder = msgspec.json.Decoder(BatchRequest)
_disconnect_decoder = msgspec.json.Decoder(DisconnectRequest)
_encode = msgspec.json.Encoder().encode

_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that was checked and may be appended once its users have accounts.

    `body_digest` is the SHA-256 of the request's own bytes, which tells a repeat from another body
    under the same Idempotency-Key.
    """

    type: str
    head: bytes
    body_digest: bytes
    account_id: str | None
    user_ids: tuple[str, ...]
    everyone: bool
    ttl_seconds: int | None
    #: What of `data` is not as its type declares it, and is passed on all the same.
    mismatches: tuple[Mismatch, ...] = ()

    def payload(self, notification_id: str) -> bytes:
        """Return the JSON object subscribers read: type, title, message, data if given, timestamp, id."""
        return b'%b,"id":%b}' % (self.head, _encode(notification_id))

    @property
    def targets(self) -> tuple[Target, ...]:
        """Whom it is for, as far as the request itself says; see `unresolved` for the rest."""
        if self.everyone:
            return (EVERYONE,)
        if self.account_id is None:
            return ()
        if self.user_ids:
            return tuple(user_target(self.account_id, user_id) for user_id in self.user_ids)
        return (account_target(self.account_id),)

    @property
    def unresolved(self) -> tuple[str, ...]:
        """The users named without an account, which only the directory can tell."""
        return self.user_ids if self.account_id is None else ()


def parse_publish(body: bytes, contract: Contract, *, now_s: float, max_ttl_s: int = MAX_TTL_S) -> Publication:
    """Return the notification that `body` asks to publish.

    `now_s` (Unix seconds) stamps a notification that brings no timestamp. `max_ttl_s` is the hub's
    retention: nothing can be kept for longer.

    Raises:
        InvalidJson: the body is not JSON in UTF-8.
        TooDeep: it is nested deeper than `MAX_DEPTH`.
        InvalidField: a field is missing, unknown or of the wrong type; `field` is its path. Inside of `data` that is
            a mismatch of the publication instead, unless the type is strict.
        UnknownType, ReservedType: nobody can publish this type.
        NoTarget, ConflictingTargets: it is for nobody, or for everyone and somebody.
    """
    return _parse(_checked_text(body), contract, now_s, max_ttl_s)


def parse_batch(
    body: bytes,
    contract: Contract,
    *,
    now_s: float,
    max_ttl_s: int = MAX_TTL_S,
    max_item_bytes: int | None = None,
) -> list[Publication | HubError]:
    """Return a publication or its own error for each notification of a batch, in order.

    Paths of errors start at the batch: `$.notifications[3].title`. A notification of more than
    `max_item_bytes` is refused as it would be alone: one as large as a batch would fill every subscriber's
    budget at once and close them all as slow.

    Raises:
        InvalidJson, TooDeep, InvalidField: the batch cannot be taken apart (a notification nested so deep
            that it cannot be skipped counts as that), or holds none or more than 1,000.
    """
    body = _checked_text(body)
    try:
        items = _batch_decoder.decode(body).notifications
    except (ValueError, RecursionError) as error:
        raise _judge(error, body, MAX_DEPTH + 2) from None
    results: list[Publication | HubError] = []
    for index, item in enumerate(items):
        notification = bytes(item)
        if is_deeper(notification, SKIPPED_DEPTH):
            raise TooDeep(f"A notification may be nested {MAX_DEPTH} levels deep", field=f"$.notifications[{index}]")
        try:
            if max_item_bytes is not None and len(notification) > max_item_bytes:
                raise BodyTooLarge(f"A notification may have {max_item_bytes} bytes")
            results.append(_parse(notification, contract, now_s, max_ttl_s))
        except HubError as error:
            error.field = f"$.notifications[{index}]{(error.field or '$')[1:]}"
            results.append(error.detach())
    return results


def parse_disconnect(body: bytes) -> DisconnectRequest:
    """Return the request to close connections; exactly one of user, account, token and jti is given.

    Raises:
        InvalidJson, TooDeep, InvalidField: as for a publish.
        NoTarget, ConflictingTargets: it names nobody, or in more than one way.
    """
    body = _checked_text(body)
    try:
        request = _disconnect_decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise _judge(error, body, MAX_DEPTH) from None
    people = request.user_id is not None or request.account_id is not None
    given = people + (request.token is not None) + (request.jti is not None)
    if given == 0:
        raise NoTarget("Name a user, an account, a token's digest or a jti")
    if given > 1:
        raise ConflictingTargets("Name exactly one of: a user or an account, a token's digest, a jti")
    return request


def _parse(body: bytes, contract: Contract, now_s: float, max_ttl_s: int) -> Publication:
    try:
        request = _publish_decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise _judge(error, body, MAX_DEPTH) from None
    if request.type not in contract.types:
        raise _refuse_type(request.type, contract)
    if request.ttl_seconds is not None and request.ttl_seconds > max_ttl_s:
        raise InvalidField(f"Nothing is kept for longer than {max_ttl_s} seconds here", field="$.ttl_seconds")
    data, mismatches = _check_data(request, contract)
    return Publication(
        type=request.type,
        head=b'{"type":"%b","title":%b,"message":%b%b,"timestamp":"%b"'
        % (request.type.encode(), _encode(request.title), _encode(request.message), data, _stamp(request, now_s)),
        body_digest=sha256(body).digest(),
        account_id=request.account_id,
        user_ids=_check_users(request),
        everyone=request.everyone,
        ttl_seconds=request.ttl_seconds,
        mismatches=mismatches,
    )


def _checked_text(body: bytes) -> bytes:
    """Return the text without the byte order mark that .NET and PowerShell begin one with (RFC 8259 section 8.1)."""
    # msgspec checks UTF-8 only in the strings it decodes; what it skips over would be stored unchecked.
    if body.isascii():
        if not body:
            raise InvalidJson("The body is empty")
        return body
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8 (byte {error.start})") from None
    return body.removeprefix(BOM_UTF8)


def _refuse_type(tag: str, contract: Contract) -> HubError:
    if tag in RESERVED_TYPES:
        return ReservedType(field="$.type")
    error = UnknownType(
        f"The notification type is not known; the known ones are: {', '.join(contract.types)}", field="$.type"
    )
    error.known = tuple(contract.types)
    return error


def _check_data(request: PublishRequest, contract: Contract) -> tuple[bytes, tuple[Mismatch, ...]]:
    """Return `,"data":{...}` as it goes into the frame, or nothing where there is no data; and what differs in it."""
    raw = b"null" if request.data is msgspec.UNSET else bytes(request.data)
    rule = contract.data_rules[request.type]
    if raw == b"null":
        return b"", rule.check_missing()
    _check_depth(raw)
    mismatches = rule.check(raw)
    if b"\n" in raw or b"\r" in raw:
        raw = raw.translate(_LINE_BREAKS)
    return b',"data":' + raw, mismatches


def _check_depth(raw: bytes) -> None:
    """Refuse valid JSON that is nested deeper than its place in the notification allows."""
    if is_deeper(raw, MAX_DEPTH - 1):
        raise TooDeep(f"A notification may be nested {MAX_DEPTH} levels deep", field="$.data")


def _judge(error: ValueError | RecursionError, body: bytes, levels: int) -> HubError:
    """Return the failure for what a decoder raised; whether that was depth is ours to say, not the interpreter's."""
    # A field of the wrong type is found before anything in it is looked at.
    if not isinstance(error, msgspec.ValidationError) and is_deeper(body, levels):
        return TooDeep(f"The body may be nested {levels} levels deep")
    return complain(error)


def _check_users(request: PublishRequest) -> tuple[str, ...]:
    named = [] if request.user_id is None else [request.user_id]
    users = tuple(dict.fromkeys(named + (request.user_ids or [])))
    if request.everyone and (users or request.account_id is not None):
        raise ConflictingTargets("`everyone` goes with no other target", field="$.everyone")
    if not (request.everyone or users or request.account_id is not None):
        raise NoTarget("Give `user_id`, `user_ids`, `account_id` or `everyone`")
    return users


def _stamp(request: PublishRequest, now_s: float) -> bytes:
    try:
        return (format_time(now_s) if request.timestamp is None else format_moment(request.timestamp)).encode()
    except OverflowError:
        # the first or the last day of the calendar, moved out of it by its offset
        raise InvalidField("The moment lies outside of the calendar", field="$.timestamp") from None
