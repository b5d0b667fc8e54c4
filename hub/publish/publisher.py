"""From a request to a record in the log: may this key publish it, for whom exactly, and the receipt."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Sequence, Set
from http import HTTPStatus

import msgspec
from msgspec import UNSET

from contracts.policy import Confirm
from contracts.problem import Problem
from contracts.receipt import BatchReceipt, BatchResult, FieldWarning, Receipt
from hub.auth.grant import ServiceGrant
from hub.cluster.port import Reach, Result
from hub.cursor import Cursor
from hub.deadlines.keeper import DeadlineKeeper
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.subscribers import Subscribers
from hub.direct import Pending
from hub.directory.directory import Directory
from hub.errors import (
    BadRequest,
    HubError,
    IdempotencyConflict,
    StorageUnavailable,
)
from hub.errors.problem import describe_problem
from hub.log.port import COLLAPSE, Appended, Change, Draft, Log
from hub.metrics import Metrics
from hub.publish.body import Publication, Question, parse_batch, parse_explain, parse_publish
from hub.publish.random_uuids import RandomUuids
from hub.publish.registry import TypeRegistry
from hub.publish.target_finder import TargetFinder
from hub.target import Target

__all__ = ["CheckedPublication", "Publisher"]

#: Users looked up at once, as many as a directory asks for in one question.
LOOK_UPS = 200
#: How long all look-ups of one request may take together, however many users its notifications name.
LOOK_UPS_TIMEOUT_S = 10.0
#: An Idempotency-Key is a name, not a document.
MAX_KEY_LENGTH = 255


class CheckedPublication(msgspec.Struct, frozen=True, kw_only=True):
    """A publish that the hub would accept: whom it is for, until when, and the warnings of its receipt."""

    targets: tuple[Target, ...]
    expires_at_s: float | None
    warnings: list[FieldWarning]
    #: The cursor of the older notification whose place it would take.
    supersedes: str | None


class _Order(msgspec.Struct):
    """A notification that a service may publish; `targets` is None until its users were looked up."""

    publication: Publication
    service: ServiceGrant
    key: str | None
    #: By the monotonic clock.
    received_s: float
    targets: tuple[Target, ...] | None


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
        deadlines: DeadlineKeeper | None = None,
        reach: Reach | None = None,
        retention_s: float,
        link_origins: Set[str] = frozenset(),
        keeps_inbox: bool = False,
        checks_targets: bool = True,
        look_ups: int = LOOK_UPS,
        look_ups_timeout_s: float = LOOK_UPS_TIMEOUT_S,
        now: Callable[[], float],
    ) -> None:
        """Take the rooms that a publish passes.

        `checks_targets`: whether users that are named with an account are looked up too. `look_ups`: how many users
        are looked up at once. `look_ups_timeout_s`: how long all look-ups of one request may take together.
        `link_origins`: where a link may lead beside the frontend's own origin. `keeps_inbox`: the log gets what an
        inbox finds notifications by. `deadlines`: who keeps what users
        have to confirm; without it nothing is awaited. `reach`: who learns how many connections of other nodes a
        notification met; without it there is no other node.
        """
        self._registry = registry
        self._log = log
        self._subscribers = subscribers
        self._metrics = metrics
        self._counts = counts
        self._deadlines = deadlines
        self._reach = reach
        self._max_ttl_s = int(retention_s)
        self._link_origins = link_origins
        self._keeps_inbox = keeps_inbox
        self._targets = TargetFinder(
            directory, checks_targets=checks_targets, look_ups=look_ups, timeout_s=look_ups_timeout_s
        )
        self._now = now
        self._uuids = RandomUuids()

    async def publish(self, body: bytes, service: ServiceGrant, idempotency_key: str | None) -> Receipt:
        """Store one notification and return its receipt, after it is durable.

        Raises:
            BadRequest, Forbidden, UnknownTarget, IdempotencyConflict: what was asked cannot be done.
            DirectoryUnavailable, Overloaded: nothing was stored; try again.
            StorageUnavailable: nothing was acknowledged. It may have been stored all the same, so try again with
                the same key.
        """
        order = self._read(body, service, idempotency_key)
        if order.targets is None:
            order.targets = await self._targets.resolve(order.publication, service, self._targets.end_s())
        draft = self._draft(order)
        return self._finish(order, draft, await self._append([draft]))

    def begin(self, body: bytes, service: ServiceGrant, idempotency_key: str | None) -> Pending[Receipt] | None:
        """Begin what `publish` does; None, and nothing is begun, where users have to be looked up first.

        Raises:
            HubError: as `publish` does, and nothing was begun.
        """
        order = self._read(body, service, idempotency_key)
        if order.targets is None:
            return None
        draft = self._draft(order)
        stored = self._log.submit([draft])
        if self._reach is not None:
            stored = self._reach.follow(stored)
        return Pending(stored, lambda: self._finish(order, draft, stored.result()))

    async def publish_batch(
        self, body: bytes, service: ServiceGrant, idempotency_key: str | None, *, max_item_bytes: int
    ) -> BatchReceipt:
        """Store up to 1,000 notifications in one transaction and return a result for each, in order.

        With an Idempotency-Key each notification gets one of its own: the key and its index.

        Raises:
            HubError: as `publish` does, where it concerns the batch as a whole.
        """
        orders = self._read_batch(body, service, idempotency_key, max_item_bytes)
        look_ups_end_s = self._targets.end_s()
        for index, order in enumerate(orders):
            if isinstance(order, _Order) and order.targets is None:
                try:
                    # An earlier look-up of this batch may have told.
                    order.targets = self._targets.find(order.publication, service) or await self._targets.resolve(
                        order.publication, service, look_ups_end_s
                    )
                except HubError as error:
                    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                        raise
                    orders[index] = describe_problem(error, at=_path_of(index))
        drafts = [self._draft(order) for order in orders if isinstance(order, _Order)]
        return self._finish_batch(orders, drafts, await self._append(drafts) if drafts else [])

    def begin_batch(
        self, body: bytes, service: ServiceGrant, idempotency_key: str | None, *, max_item_bytes: int
    ) -> Pending[BatchReceipt] | None:
        """Begin what `publish_batch` does; None, and nothing is begun, where nothing can be stored, or not at once.

        Raises:
            HubError: as `publish_batch` does, and nothing was begun.
        """
        orders = self._read_batch(body, service, idempotency_key, max_item_bytes)
        accepted = [order for order in orders if isinstance(order, _Order)]
        if not accepted or any(order.targets is None for order in accepted):
            return None
        drafts = [self._draft(order) for order in accepted]
        stored = self._log.submit(drafts)
        if self._reach is not None:
            stored = self._reach.follow(stored)
        return Pending(stored, lambda: self._finish_batch(orders, drafts, stored.result()))

    async def _append(self, drafts: Sequence[Draft]) -> list[Result]:
        if self._reach is None:
            return await self._log.append(drafts)
        return await self._reach.follow(self._log.submit(drafts))

    def _read(self, body: bytes, service: ServiceGrant, idempotency_key: str | None) -> _Order:
        received_s = time.monotonic()
        service.require_operation("publish")
        publication = parse_publish(
            body, self._registry, now_s=self._now(), max_ttl_s=self._max_ttl_s, link_origins=self._link_origins
        )
        key = None if idempotency_key is None else _checked_key(idempotency_key)
        return self._order(publication, service, key, received_s)

    def _read_batch(
        self, body: bytes, service: ServiceGrant, idempotency_key: str | None, max_item_bytes: int
    ) -> list[_Order | Problem]:
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
        orders: list[_Order | Problem] = []
        for index, publication in enumerate(parsed):
            if isinstance(publication, Problem):
                orders.append(publication)
                continue
            try:
                item_key = None if key is None else f"{key}\n{index}"
                orders.append(self._order(publication, service, item_key, received_s))
            except HubError as error:
                orders.append(describe_problem(error, at=_path_of(index)))
        return orders

    def _order(self, publication: Publication, service: ServiceGrant, key: str | None, received_s: float) -> _Order:
        """Return the order, whose targets are known as far as they can be without a look-up.

        Raises:
            Forbidden: the service's key does not reach what is named.
        """
        return _Order(publication, service, key, received_s, self._targets.find(publication, service))

    def _finish(self, order: _Order, draft: Draft, results: Sequence[Result]) -> Receipt:
        (result,) = results
        self._metrics.publish_to_disk.observe(time.monotonic() - order.received_s)
        if isinstance(result, IdempotencyConflict):
            raise IdempotencyConflict
        return self._receipt(order, draft, result)

    def _finish_batch(
        self, orders: Sequence[_Order | Problem], drafts: Sequence[Draft], results: Sequence[Result]
    ) -> BatchReceipt:
        if drafts:
            self._metrics.publish_to_disk.observe(time.monotonic() - (drafts[0].received_s or 0.0))
        stored = zip(drafts, results, strict=True)
        told = []
        for index, order in enumerate(orders):
            if isinstance(order, Problem):
                told.append(BatchResult(index=index, problem=order))
                continue
            draft, result = next(stored)
            if isinstance(result, IdempotencyConflict):
                told.append(BatchResult(index=index, problem=describe_problem(result, at=_path_of(index))))
            else:
                told.append(BatchResult(index=index, receipt=self._receipt(order, draft, result)))
        return BatchReceipt(results=told)

    def _draft(self, order: _Order) -> Draft:
        publication, targets = order.publication, order.targets
        assert targets is not None
        notification_id = self._uuids.next()
        changes: tuple[Change, ...] = ()
        confirm = publication.confirm
        collapse = None if publication.collapse_key is None else _digest_collapse(publication, targets)
        if confirm is not None and self._deadlines is not None and self._can_confirm(confirm):
            digest = "" if collapse is None else collapse.hex()
            changes = self._deadlines.draft_changes(
                notification_id, publication.type, targets, order.service.name, confirm, digest
            )
        return Draft(
            id=notification_id,
            targets=targets,
            payload=publication.payload(notification_id, None if collapse is None else _shorten(collapse)),
            idempotency=None if order.key is None else _digest_key(order.service.name, order.key),
            body_digest=b"" if order.key is None else publication.body_digest,
            expires_at_s=self._expires_at_s(publication),
            received_s=order.received_s,
            type=publication.type if self._keeps_inbox else None,
            changes=changes,
            collapse=collapse,
        )

    async def check(
        self, publication: Publication, service: ServiceGrant, idempotency_key: str | None
    ) -> CheckedPublication:
        """Return what a publish would store, by the checks of `publish`; nothing is stored.

        Raises:
            HubError: what `publish` would raise, except that the log is not asked for the Idempotency-Key.
        """
        if idempotency_key is not None:
            _checked_key(idempotency_key)
        targets = await self.find_targets(publication, service)
        if not self._log.writable:
            raise StorageUnavailable
        collapse = _digest_collapse(publication, targets)
        older = None if collapse is None else await self._log.read_state(COLLAPSE, collapse.hex())
        if older is not None and older.position < self._log.first:
            older = None
        return CheckedPublication(
            targets=targets,
            expires_at_s=self._expires_at_s(publication),
            warnings=self._describe_warnings(publication, service),
            supersedes=None if older is None else str(Cursor(self._log.epoch, older.position)),
        )

    async def find_targets(self, publication: Publication, service: ServiceGrant) -> tuple[Target, ...]:
        """Return whom a publication is for, after the checks of rights and targets that a publish has.

        Raises:
            HubError: what `publish` would raise for these.
        """
        service.require_operation("publish")
        targets = self._targets.find(publication, service)
        if targets is None:
            return await self._targets.resolve(publication, service, self._targets.end_s())
        return targets

    def parse_explain(self, body: bytes) -> tuple[Question, Publication | HubError]:
        """Return what is asked about a publish, and that publish; see `hub.publish.body.parse_explain`."""
        return parse_explain(
            body, self._registry, now_s=self._now(), max_ttl_s=self._max_ttl_s, link_origins=self._link_origins
        )

    def _expires_at_s(self, publication: Publication) -> float | None:
        return None if publication.ttl_seconds is None else self._now() + publication.ttl_seconds

    def _can_confirm(self, confirm: Confirm) -> bool:
        return confirm.by == "delivered" or self._keeps_inbox

    def _describe_warnings(self, publication: Publication, service: ServiceGrant) -> list[FieldWarning]:
        warnings = [FieldWarning(field=each.path, detail=each.detail) for each in publication.mismatches]
        if publication.confirm is not None and self._deadlines is not None:
            if not self._can_confirm(publication.confirm):
                detail = "This hub keeps no inbox, so nobody can mark it as read, and nothing is awaited"
                return [*warnings, FieldWarning(field="$.confirm.by", detail=detail)]
            warnings += self._deadlines.describe_warnings(service.name)
        return warnings

    def _receipt(self, order: _Order, draft: Draft, appended: Appended) -> Receipt:
        publication = order.publication
        if appended.duplicate:
            self._metrics.duplicates += 1
        else:
            self._metrics.published[publication.type] += 1
            self._counts.accept(appended.position, order.service.name, order.received_s)
            for mismatch in publication.mismatches:
                self._metrics.mismatches[publication.type, mismatch.label] += 1
        connections, nodes = self._subscribers.count(draft.targets, publication.type), None
        if self._reach is not None:
            reached = self._reach.take(appended)
            connections, nodes = connections + reached.count, reached.nodes
        return Receipt(
            id=appended.id,
            cursor=str(Cursor(self._log.epoch, appended.position)),
            duplicate=appended.duplicate,
            connections=connections,
            nodes=nodes or UNSET,
            warnings=self._describe_warnings(publication, order.service) or UNSET,
        )


def _path_of(index: int) -> str:
    return f"$.notifications[{index}]"


def _checked_key(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise BadRequest(
            f"An Idempotency-Key is 1 to {MAX_KEY_LENGTH} printable ASCII characters", field="Idempotency-Key"
        )
    return key


def _digest_collapse(publication: Publication, targets: Sequence[Target]) -> bytes | None:
    """Return what notifications have in common of which only the newest counts; None where all count."""
    if publication.collapse_key is None:
        return None
    named = msgspec.json.encode([publication.type, publication.collapse_key, sorted(set(targets))])
    return hashlib.sha256(named).digest()


def _shorten(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:12]).decode()


def _digest_key(service: str, key: str) -> bytes:
    # Two services may use the same key, so the service's name is part of it.
    return hashlib.sha256(f"{service}\x00{key}".encode()).digest()
