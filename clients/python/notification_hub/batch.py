"""Which queued notifications go in one request, and what its response says of each. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice

import msgspec

from contracts.problem import Problem
from contracts.receipt import BatchReceipt, Receipt
from notification_hub.address import Addressed
from notification_hub.failure import HubFailure, HubRefused, HubUnreachable
from notification_hub.wire import Call, describe_encoded, describe_encoded_batch, new_idempotency_key, read_problem

__all__ = ["Batch", "Entry", "Outcome", "is_of_the_batch", "read_outcomes", "take_many", "take_one"]

#: The bounds of a batch. A hub takes 1,000 notifications and sixteen times its HUB_MAX_BODY, 1 MiB by default; a
#: smaller batch has its response sooner, and exceeds a proxy's own limit less often.
_BATCH_NOTIFICATIONS = 100
_BATCH_BYTES = 256 * 1024

#: What became of one notification of a request.
Outcome = Receipt | HubFailure


class Entry(msgspec.Struct, frozen=True, eq=False):
    """One queued notification with its body, and the key of the request that sends it alone."""

    addressed: Addressed
    body: bytes
    idempotency_key: str
    queued_at_s: float


class Batch:
    """The notifications of one request.

    The request is the same at every attempt: the hub knows a notification of a batch by the batch's Idempotency-Key and
    its index, so another composition would be stored a second time.
    """

    def __init__(self, call: Call[Receipt | BatchReceipt], entries: Sequence[Entry]) -> None:
        self.call = call
        #: By index, those whose outcome is not known yet.
        self.pending = dict(enumerate(entries))
        #: How many attempts failed.
        self.failures = 0


def take_one(entry: Entry) -> Batch:
    """Return the batch of one entry: a request under the entry's own key."""
    return Batch(describe_encoded(entry.body, entry.idempotency_key), [entry])


def take_many(entries: Sequence[Entry]) -> Batch:
    """Return the batch of the first of `entries`, of which there is one at least, and as many more as fit."""
    taken: list[Entry] = []
    size_bytes = 0
    for entry in islice(entries, _BATCH_NOTIFICATIONS):
        size_bytes += len(entry.body) + 1
        if taken and size_bytes > _BATCH_BYTES:
            break
        taken.append(entry)
    if len(taken) == 1:
        return take_one(taken[0])
    return Batch(describe_encoded_batch([entry.body for entry in taken], new_idempotency_key()), taken)


def read_outcomes(batch: Batch, response: Receipt | BatchReceipt | HubFailure) -> dict[int, Outcome]:
    """Return the outcome of each pending notification of a batch: the hub's, or the failure of the whole request."""
    if isinstance(response, BatchReceipt):
        outcomes: dict[int, Outcome] = {}
        for result in response.results:
            if isinstance(result.receipt, Receipt):
                outcomes[result.index] = result.receipt
            elif isinstance(result.problem, Problem):
                outcomes[result.index] = read_problem(result.problem)
        if batch.pending.keys() <= outcomes.keys():
            return outcomes
        response = HubUnreachable("The server is not a hub: its response has no result for each notification")
    return dict.fromkeys(batch.pending, response)


def is_of_the_batch(failure: HubFailure) -> bool:
    """Whether a hub that gave this failure stored nothing of a batch and may take its notifications one by one.

    The batch is too large, or one of its notifications keeps the hub from reading it or from looking up its users.
    """
    if not isinstance(failure, HubRefused):
        return False
    is_final = failure.status < HTTPStatus.INTERNAL_SERVER_ERROR and not failure.retryable
    return is_final or failure.code == "directory_unavailable"
