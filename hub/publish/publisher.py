"""From a request to a record in the log: may this key publish it, for whom exactly, and the receipt."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence, Set
from http import HTTPStatus

import msgspec
from msgspec import UNSET

from contracts.problem import Problem
from contracts.receipt import BatchReceipt, BatchResult, FieldWarning, Receipt
from hub.auth.grant import ServiceGrant, home_account
from hub.cursor import Cursor
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.subscribers import Subscribers
from hub.directory.directory import Directory, User
from hub.errors import (
    BadRequest,
    DirectoryUnavailable,
    HubError,
    IdempotencyConflict,
    StorageUnavailable,
    UnknownTarget,
)
from hub.errors.problem import describe_problem
from hub.log.port import Appended, Draft, Log
from hub.metrics import Metrics
from hub.publish.body import Publication, Question, parse_batch, parse_explain, parse_publish
from hub.publish.registry import TypeRegistry
from hub.target import Target, user_target

__all__ = ["CheckedPublication", "Publisher"]

#: Users looked up at once, as many as a directory asks for in one question.
LOOK_UPS = 200
#: How long all look-ups of one request may take together, however many users its notifications name.
LOOK_UPS_TIMEOUT_S = 10.0
#: An Idempotency-Key is a name, not a document.
MAX_KEY_LENGTH = 255
UUID_BYTES = 16
UUIDS_PER_DRAW = 256


class CheckedPublication(msgspec.Struct, frozen=True, kw_only=True):
    """A publish that the hub would accept: whom it is for, until when, and the warnings of its receipt."""

    targets: tuple[Target, ...]
    expires_at_s: float | None
    warnings: list[FieldWarning]


class Publisher:
    """Publishes the notifications of services; what it acknowledged is on disk."""

    def __init__(
        self,
        *,
        registry: TypeRegistry,
        directory: Directory,
        log: Log,
        subscribers: Subscribers,
        metrics: Metrics,
        counts: DeliveryCounts,
        retention_s: float,
        link_origins: Set[str] = frozenset(),
        checks_targets: bool = True,
        look_ups: int = LOOK_UPS,
        look_ups_timeout_s: float = LOOK_UPS_TIMEOUT_S,
        now: Callable[[], float],
    ) -> None:
        """Take the rooms that a publish passes.

        `checks_targets`: whether users that are named with an account are looked up too. `look_ups`: how many users
        are looked up at once. `look_ups_timeout_s`: how long all look-ups of one request may take together.
        `link_origins`: where a link may lead beside the frontend's own origin.
        """
        self._registry = registry
        self._directory = directory
        self._log = log
        self._subscribers = subscribers
        self._metrics = metrics
        self._counts = counts
        self._max_ttl_s = int(retention_s)
        self._link_origins = link_origins
        self._checks_targets = checks_targets and not directory.trusts_claims
        self._look_ups = look_ups
        self._look_ups_timeout_s = look_ups_timeout_s
        self._now = now
        self._uuids = _RandomUuids()

    async def publish(self, body: bytes, service: ServiceGrant, idempotency_key: str | None) -> Receipt:
        """Store one notification and return its receipt, after it is durable.

        Raises:
            BadRequest, Forbidden, UnknownTarget, IdempotencyConflict: what was asked cannot be done.
            DirectoryUnavailable, Overloaded: nothing was stored; try again.
            StorageUnavailable: nothing was acknowledged. It may have been stored all the same, so try again with
                the same key.
        """
        received_s = time.monotonic()
        service.require_operation("publish")
        publication = parse_publish(
            body, self._registry, now_s=self._now(), max_ttl_s=self._max_ttl_s, link_origins=self._link_origins
        )
        key = None if idempotency_key is None else _checked_key(idempotency_key)
        draft = await self._draft(publication, service, key, received_s, self._look_ups_end_s())
        (result,) = await self._log.append([draft])
        self._metrics.publish_to_disk.observe(time.monotonic() - received_s)
        if isinstance(result, IdempotencyConflict):
            raise IdempotencyConflict
        return self._receipt(publication, draft, result, service)

    async def publish_batch(
        self, body: bytes, service: ServiceGrant, idempotency_key: str | None, *, max_item_bytes: int
    ) -> BatchReceipt:
        """Store up to 1,000 notifications in one transaction and return a result for each, in order.

        With an Idempotency-Key each notification gets one of its own: the key and its index.

        Raises:
            HubError: as `publish` does, where it concerns the batch as a whole.
        """
        received_s = time.monotonic()
        service.require_operation("publish")
        parsed = parse_batch(
            body,
            self._registry,
            now_s=self._now(),
            max_ttl_s=self._max_ttl_s,
            max_item_bytes=max_item_bytes,
            link_origins=self._link_origins,
        )
        key = None if idempotency_key is None else _checked_key(idempotency_key)
        look_ups_end_s = self._look_ups_end_s()
        drafts: dict[int, Draft] = {}
        problems: dict[int, Problem] = {}
        for index, publication in enumerate(parsed):
            if isinstance(publication, Problem):
                problems[index] = publication
                continue
            item_key = None if key is None else f"{key}\n{index}"
            try:
                drafts[index] = await self._draft(publication, service, item_key, received_s, look_ups_end_s)
            except HubError as error:
                if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                problems[index] = describe_problem(error, at=_path_of(index))
        stored = dict(zip(drafts, await self._log.append(list(drafts.values())), strict=True)) if drafts else {}
        if drafts:
            self._metrics.publish_to_disk.observe(time.monotonic() - received_s)
        results = []
        for index, publication in enumerate(parsed):
            if isinstance(publication, Problem) or index in problems:
                results.append(BatchResult(index=index, problem=problems[index]))
            elif isinstance(result := stored[index], IdempotencyConflict):
                results.append(BatchResult(index=index, problem=describe_problem(result, at=_path_of(index))))
            else:
                results.append(
                    BatchResult(index=index, receipt=self._receipt(publication, drafts[index], result, service))
                )
        return BatchReceipt(results=results)

    async def check(
        self, publication: Publication, service: ServiceGrant, idempotency_key: str | None
    ) -> CheckedPublication:
        """Return what a publish would store, by the checks of `publish`; nothing is stored.

        Raises:
            HubError: what `publish` would raise, except that the log is not asked for the Idempotency-Key.
        """
        service.require_operation("publish")
        if idempotency_key is not None:
            _checked_key(idempotency_key)
        targets = self._find_targets_nowait(publication, service)
        if targets is None:
            targets = await self._resolve(publication, service, self._look_ups_end_s())
        if not self._log.writable:
            raise StorageUnavailable
        return CheckedPublication(
            targets=targets, expires_at_s=self._expires_at_s(publication), warnings=_describe_warnings(publication)
        )

    def parse_explain(self, body: bytes) -> tuple[Question, Publication | HubError]:
        """Return what is asked about a publish, and that publish; see `hub.publish.body.parse_explain`."""
        return parse_explain(
            body, self._registry, now_s=self._now(), max_ttl_s=self._max_ttl_s, link_origins=self._link_origins
        )

    async def _draft(
        self, publication: Publication, service: ServiceGrant, key: str | None, received_s: float, look_ups_end_s: float
    ) -> Draft:
        """Return the draft, each of whose targets is inside what the service's key reaches."""
        targets = self._find_targets_nowait(publication, service)
        if targets is None:
            targets = await self._resolve(publication, service, look_ups_end_s)
        notification_id = self._uuids.next()
        return Draft(
            id=notification_id,
            targets=targets,
            payload=publication.payload(notification_id),
            idempotency=None if key is None else _digest_key(service.name, key),
            body_digest=publication.body_digest,
            expires_at_s=self._expires_at_s(publication),
            received_s=received_s,
        )

    def _expires_at_s(self, publication: Publication) -> float | None:
        return None if publication.ttl_seconds is None else self._now() + publication.ttl_seconds

    def _find_targets_nowait(self, publication: Publication, service: ServiceGrant) -> tuple[Target, ...] | None:
        """Return whom it is for, inside what the service's key reaches; None means: ask `_resolve`."""
        service.require_type(publication.type)
        if publication.everyone:
            service.require_everyone()
        if publication.account_id is not None:
            service.require_account(publication.account_id)
        if publication.unresolved or (self._checks_targets and not self._remembers(publication)):
            return None
        return publication.targets

    def _remembers(self, publication: Publication) -> bool:
        """Say whether all the users of a notification are known, without asking, to be in its account."""
        find, account_id = self._directory.find_user_nowait, publication.account_id
        for user_id in publication.user_ids:
            user = find(user_id)
            if user is None or home_account(user.role, user.account_id) != account_id:
                return False
        return True

    async def _resolve(
        self, publication: Publication, service: ServiceGrant, look_ups_end_s: float
    ) -> tuple[Target, ...]:
        """Return the users' targets, each in the account that the directory knows, which is the named one if any.

        Raises:
            UnknownTarget: a user does not exist, or is in another account than the named one.
            DirectoryUnavailable: the directory cannot tell now.
        """
        named = publication.account_id

        def find_account(user: User | None) -> str | None:
            home = None if user is None else home_account(user.role, user.account_id)
            # One error for all of these: unknown, without an account, in another than the named one, and in one that
            # a bound key does not reach. Otherwise such a key could find out whose customer a person is, id by id.
            return home if home is not None and named in {None, home} and service.reaches(home) else None

        try:
            async with asyncio.timeout_at(look_ups_end_s):
                found = {user_id: self._directory.find_user_nowait(user_id) for user_id in publication.user_ids}
                missing = [user_id for user_id, user in found.items() if user is None]
                found |= await self._find_users(missing, self._directory.find_user)
                # A user may have signed up, or changed the account, since the last look-up.
                doubtful = [user_id for user_id, user in found.items() if find_account(user) is None]
                found |= await self._find_users(doubtful, self._directory.find_user_anew)
        except TimeoutError:
            raise DirectoryUnavailable("Too many users had to be looked up; name fewer", retry_after_s=5) from None
        targets = []
        for user_id, user in found.items():
            home = find_account(user)
            if home is None:
                raise UnknownTarget(self._explain_unknown(named), field=_field_of(publication))
            targets.append(user_target(home, user_id))
        return tuple(targets)

    def _explain_unknown(self, account_id: str | None) -> str:
        if account_id is not None:
            return "A user is not in this account; leave `account_id` out to have it looked up"
        if self._directory.trusts_claims:
            return "There is no directory to look a user up in; give `account_id`"
        return "A user was not found"

    async def _find_users(
        self, user_ids: Sequence[str], find: Callable[[str], Awaitable[User | None]]
    ) -> dict[str, User | None]:
        found: dict[str, User | None] = {}
        for start in range(0, len(user_ids), self._look_ups):
            part = user_ids[start : start + self._look_ups]
            asked = [asyncio.ensure_future(find(user_id)) for user_id in part]
            try:
                found |= zip(part, await asyncio.gather(*asked), strict=True)
            finally:
                # After a failure the others are not wanted. None is kept: its error would hold this frame.
                while asked:
                    asked.pop().cancel()
        return found

    def _look_ups_end_s(self) -> float:
        return asyncio.get_running_loop().time() + self._look_ups_timeout_s

    def _receipt(self, publication: Publication, draft: Draft, appended: Appended, service: ServiceGrant) -> Receipt:
        if appended.duplicate:
            self._metrics.duplicates += 1
        else:
            self._metrics.published[publication.type] += 1
            self._counts.accept(appended.position, service.name, draft.received_s or 0.0)
            for mismatch in publication.mismatches:
                self._metrics.mismatches[publication.type, mismatch.label] += 1
        return Receipt(
            id=appended.id,
            cursor=str(Cursor(self._log.epoch, appended.position)),
            duplicate=appended.duplicate,
            connections=self._subscribers.count(draft.targets),
            warnings=_describe_warnings(publication) or UNSET,
        )


class _RandomUuids:
    """UUIDs of version 4 (RFC 9562 section 5.4), from randomness that is drawn for many at once.

    Each draw releases the GIL; under load the log's writer then takes it, and the event loop waits.
    """

    def __init__(self) -> None:
        self._drawn: list[bytes] = []

    def next(self) -> str:
        if not self._drawn:
            block = secrets.token_bytes(UUID_BYTES * UUIDS_PER_DRAW)
            self._drawn = [block[start : start + UUID_BYTES] for start in range(0, len(block), UUID_BYTES)]
        return str(uuid.UUID(bytes=self._drawn.pop(), version=4))


def _describe_warnings(publication: Publication) -> list[FieldWarning]:
    return [FieldWarning(field=each.path, detail=each.detail) for each in publication.mismatches]


def _path_of(index: int) -> str:
    return f"$.notifications[{index}]"


def _field_of(publication: Publication) -> str:
    return "$.user_id" if len(publication.user_ids) == 1 else "$.user_ids"


def _checked_key(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise BadRequest(
            f"An Idempotency-Key is 1 to {MAX_KEY_LENGTH} printable ASCII characters", field="Idempotency-Key"
        )
    return key


def _digest_key(service: str, key: str) -> bytes:
    # Two services may use the same key, so the service's name is part of it.
    return hashlib.sha256(f"{service}\x00{key}".encode()).digest()
