"""Request bodies: bytes in, a checked request or a 4xx out. Pure, and on the path of every publish.

What a publisher sends in `data` reaches subscribers as the bytes that came: they are checked here,
decoded whole (a string that is not UTF-8, or half a surrogate pair, would close every client it
reaches, at every replay) and then passed on. The one change is that line breaks between tokens become
spaces, since a server-sent event ends a line there; JSON allows no raw line break inside a string.
"""

from __future__ import annotations

from collections.abc import Set
from hashlib import sha256

import msgspec

from contracts.frame import RESERVED_TYPES
from contracts.identifier import AccountId, UserId
from contracts.policy import Confirm
from contracts.problem import Problem
from contracts.request import MAX_TTL_S, BatchRequest, ExplainRequest, PublishRequest
from contracts.signal import SignalRequest
from hub.errors import (
    BodyTooLarge,
    ConflictingTargets,
    HubError,
    InvalidField,
    NoTarget,
    ReservedType,
    TooDeep,
    UnknownType,
)
from hub.errors.problem import describe_problem
from hub.publish.confirm_rule import choose_confirm
from hub.publish.data_rule import Mismatch
from hub.publish.depth import is_deeper
from hub.publish.hyperlink import normalize_link
from hub.publish.json_body import MAX_DEPTH, decode_body, strip_bom
from hub.publish.registry import TypeRegistry
from hub.routes import NOTIFY, SIGNAL
from hub.target import EVERYONE, WITHOUT_ACCOUNT, Target, account_target, user_target
from hub.timestamp import format_moment, format_time

__all__ = ["Publication", "Question", "parse_batch", "parse_explain", "parse_publish", "parse_signal"]

#: Every interpreter's decoder can skip what is nested so deep. Deeper, some cannot split a batch, so none does.
SKIPPED_DEPTH = 256

_publish_decoder = msgspec.json.Decoder(PublishRequest)
_explain_decoder = msgspec.json.Decoder(ExplainRequest)
_signal_decoder = msgspec.json.Decoder(SignalRequest)
_batch_decoder = msgspec.json.Decoder(BatchRequest)
_encode = msgspec.json.Encoder().encode

_NO_ORIGINS: frozenset[str] = frozenset()
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a request to explain asks beside the publish, read by itself because the publish may be unusable."""

    explain_user_id: UserId | None = None
    explain_account_id: AccountId | None = None
    explain_service: str | None = None


_question_decoder = msgspec.json.Decoder(Question)


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that was checked and may be appended once its users have accounts.

    `prefix` is the payload up to the notification's id. `body` are the request's own bytes.
    """

    type: str
    prefix: bytes
    body: bytes
    account_id: str | None
    user_ids: tuple[str, ...]
    everyone: bool
    ttl_seconds: int | None
    #: What each of the users has to confirm.
    confirm: Confirm | None = None
    collapse_key: str | None = None
    #: What of `data` is not as its type declares it, and is passed on all the same.
    mismatches: tuple[Mismatch, ...] = ()

    def payload(self, notification_id: str, collapse_id: str | None = None) -> bytes:
        """Return the JSON object subscribers read: type, title, message, data if given, timestamp, id."""
        collapse = b"" if collapse_id is None else b',"collapse_id":' + _encode(collapse_id)
        return b'%b%b,"id":%b}' % (self.prefix, collapse, _encode(notification_id))

    @property
    def body_digest(self) -> bytes:
        """The SHA-256 of the body, which tells a repeat from another body under the same Idempotency-Key."""
        return sha256(self.body).digest()

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


def parse_publish(
    body: bytes,
    registry: TypeRegistry,
    *,
    now_s: float,
    max_ttl_s: int = MAX_TTL_S,
    link_origins: Set[str] = _NO_ORIGINS,
) -> Publication:
    """Return the notification that `body` asks to publish.

    `now_s` (Unix seconds) stamps a notification that brings no timestamp. `max_ttl_s` is the hub's
    retention: nothing can be kept for longer. The type's policy says what the request does not. A link may lead to
    `link_origins` beside the frontend's own origin.

    Raises:
        InvalidJson: the body is not JSON in UTF-8.
        TooDeep: it is nested deeper than `MAX_DEPTH`.
        InvalidField: a field is missing, unknown or of the wrong type; `field` is its path. Inside of `data` that is
            a mismatch of the publication instead, unless the type is strict.
        UnknownType, ReservedType: no service can publish this type.
        NoTarget, ConflictingTargets: it names no target, or everyone beside another one.
    """
    return _parse(strip_bom(body), registry, now_s, max_ttl_s, link_origins)


def parse_explain(
    body: bytes,
    registry: TypeRegistry,
    *,
    now_s: float,
    max_ttl_s: int = MAX_TTL_S,
    link_origins: Set[str] = _NO_ORIGINS,
) -> tuple[Question, Publication | HubError]:
    """Return what is asked about a publish, and the publish that `body` describes or why it would be refused.

    Raises:
        InvalidJson, TooDeep, InvalidField: the body is not JSON, or the question itself cannot be used.
    """
    text = strip_bom(body)
    question = decode_body(_question_decoder, text)
    try:
        return question, _check(decode_body(_explain_decoder, text), text, registry, now_s, max_ttl_s, link_origins)
    except HubError as error:
        return question, error


def parse_signal(body: bytes, registry: TypeRegistry, *, now_s: float) -> tuple[Publication, str]:
    """Return the signal that `body` asks to send, and the key under which a newer one takes its place.

    Its `prefix` is the frame up to `missed`.

    Raises:
        HubError: as `parse_publish` does.
    """
    text = strip_bom(body)
    request = decode_body(_signal_decoder, text)
    if request.type not in registry.signals:
        raise _describe_type_error(request.type, registry, signals=True)
    data, mismatches = _check_data(request, registry)
    publication = Publication(
        type=request.type,
        prefix=b'{"type":"%b"%b,"timestamp":"%b"' % (request.type.encode(), data, format_time(now_s).encode()),
        body=text,
        account_id=request.account_id,
        user_ids=_check_users(request),
        everyone=request.everyone,
        ttl_seconds=None,
        mismatches=mismatches,
    )
    return publication, data.decode() if request.collapse_key is None else f"#{request.collapse_key}"


def parse_batch(
    body: bytes,
    registry: TypeRegistry,
    *,
    now_s: float,
    max_ttl_s: int = MAX_TTL_S,
    max_item_bytes: int | None = None,
    link_origins: Set[str] = _NO_ORIGINS,
) -> list[Publication | Problem]:
    """Return a publication or its own problem for each notification of a batch, in order.

    Paths start at the batch: `$.notifications[3].title`. A notification of more than `max_item_bytes` is refused
    as it would be alone: one as large as a batch would fill every subscriber's budget at once and close them all
    as slow.

    Raises:
        InvalidJson, TooDeep, InvalidField: the batch cannot be split (a notification nested so deep that a decoder
            cannot skip it counts as that), or holds none or more than 1,000.
    """
    items = decode_body(_batch_decoder, strip_bom(body), levels=MAX_DEPTH + 2).notifications
    results: list[Publication | Problem] = []
    for index, item in enumerate(items):
        notification = bytes(item)
        if is_deeper(notification, SKIPPED_DEPTH):
            raise TooDeep(f"A notification may be nested {MAX_DEPTH} levels deep", field=f"$.notifications[{index}]")
        try:
            if max_item_bytes is not None and len(notification) > max_item_bytes:
                raise BodyTooLarge(f"A notification may have {max_item_bytes} bytes")
            results.append(_parse(notification, registry, now_s, max_ttl_s, link_origins))
        except HubError as error:
            results.append(describe_problem(error, at=f"$.notifications[{index}]"))
    return results


def _parse(body: bytes, registry: TypeRegistry, now_s: float, max_ttl_s: int, link_origins: Set[str]) -> Publication:
    return _check(decode_body(_publish_decoder, body), body, registry, now_s, max_ttl_s, link_origins)


def _check(
    request: PublishRequest, body: bytes, registry: TypeRegistry, now_s: float, max_ttl_s: int, link_origins: Set[str]
) -> Publication:
    if request.type not in registry.types:
        raise _describe_type_error(request.type, registry)
    policy = registry.policies[request.type]
    ttl_seconds = request.ttl_seconds
    if ttl_seconds is not None or policy.ttl_seconds is not None:
        ttl_seconds = _choose_ttl(ttl_seconds, policy.ttl_seconds, max_ttl_s)
    if request.collapse_key is not None and not policy.collapse:
        raise InvalidField(
            "The policy of this type has no `collapse`: leave the key out, or write `collapse = True` into the type",
            field="$.collapse_key",
        )
    data, mismatches = _check_data(request, registry)
    users = _check_users(request)
    return Publication(
        type=request.type,
        prefix=b'{"type":"%b","title":%b,"message":%b%b%b,"timestamp":"%b"'
        % (
            request.type.encode(),
            _encode(request.title),
            _encode(request.message),
            data,
            b"" if request.link is None else b',"link":' + _encode(normalize_link(request.link, link_origins)),
            _stamp(request, now_s),
        ),
        body=body,
        account_id=request.account_id,
        user_ids=users,
        everyone=request.everyone,
        ttl_seconds=ttl_seconds,
        confirm=None
        if request.confirm is None and policy.confirm is None
        else choose_confirm(
            request.confirm, policy, ttl_seconds=ttl_seconds, max_ttl_s=max_ttl_s, names_users=bool(users)
        ),
        collapse_key=request.collapse_key,
        mismatches=mismatches,
    )


def _choose_ttl(asked_s: int | None, policy_s: int | None, max_ttl_s: int) -> int | None:
    """Return how long the notification is delivered: what was asked, which may only be stricter than the policy."""
    if asked_s is None:
        # The hub's operator may keep everything for less than the type's author thought of.
        return None if policy_s is None else min(policy_s, max_ttl_s)
    if asked_s > max_ttl_s:
        raise InvalidField(f"Nothing is kept for longer than {max_ttl_s} seconds here", field="$.ttl_seconds")
    if policy_s is not None and asked_s > policy_s:
        raise InvalidField(
            f"The policy of this type allows at most {policy_s} seconds; give less, or leave it out for these",
            field="$.ttl_seconds",
        )
    return asked_s


def _describe_type_error(tag: str, registry: TypeRegistry, *, signals: bool = False) -> HubError:
    if tag in RESERVED_TYPES:
        return ReservedType(field="$.type")
    if tag in (registry.types if signals else registry.signals):
        words = "a notification, which is published" if signals else "a signal, which is sent"
        path = NOTIFY if signals else SIGNAL
        return UnknownType(f"This type is {words} with POST {path}", field="$.type")
    if signals:
        known = ", ".join(registry.signals) or "none"
        return UnknownType(
            f"The signal type is not known; the known ones are: {known}", field="$.type", known=registry.signals
        )
    known = ", ".join(registry.types)
    return UnknownType(
        f"The notification type is not known; the known ones are: {known}", field="$.type", known=registry.types
    )


def _check_data(request: PublishRequest | SignalRequest, registry: TypeRegistry) -> tuple[bytes, tuple[Mismatch, ...]]:
    """Return `,"data":{...}` as it goes into the frame, or nothing where there is no data; and what differs in it."""
    raw = b"null" if request.data is msgspec.UNSET else bytes(request.data)
    rule = registry.data_rules[request.type]
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


def _check_users(request: PublishRequest | SignalRequest) -> tuple[str, ...]:
    named = () if request.user_id is None else (request.user_id,)
    users = tuple(dict.fromkeys((*named, *request.user_ids))) if request.user_ids else named
    if request.everyone and (users or request.account_id is not None):
        raise ConflictingTargets("`everyone` goes with no other target", field="$.everyone")
    if not (request.everyone or users or request.account_id is not None):
        raise NoTarget("Give `user_id`, `user_ids`, `account_id` or `everyone`")
    if request.account_id == WITHOUT_ACCOUNT and not users:
        raise NoTarget("People without an account have nothing in common; give `user_id` or `user_ids`")
    return users


def _stamp(request: PublishRequest, now_s: float) -> bytes:
    try:
        return (format_time(now_s) if request.timestamp is None else format_moment(request.timestamp)).encode()
    except OverflowError:
        # the first or the last day of the calendar, moved out of it by its offset
        raise InvalidField("The moment lies outside of the calendar", field="$.timestamp") from None
