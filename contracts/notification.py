"""What every notification has, and how a company declares its own types.

A type is a class that derives from `Notification` in the company's module and names a tag
(`class ServiceOrderCreated(Notification, tag="service-order:created")`). It may declare `data` and nothing else,
because everything outside `data` belongs to the hub. A class whose name starts with an underscore is a base, not a
type.

The hub passes `data` that is not of the declared shape on as received, with a warning to the publisher, because
a lost notification would be worse. A type with `strict = True` is refused instead; its module may set this for all
of its types.

A type also declares its policy: how long its notifications are delivered, whether they are items of the inbox, and
what else `contracts.policy` explains. A type that declares nothing has a policy that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import CursorText, Link, Timestamp
from contracts.moved import find_moved
from contracts.policy import Confirm, PushUrgency

if TYPE_CHECKING:
    from contracts.avelarsys import CartUpdated as CartUpdated
    from contracts.avelarsys import DefectiveReceived as DefectiveReceived
    from contracts.avelarsys import ExchangeResolved as ExchangeResolved
    from contracts.avelarsys import ExchangeValidated as ExchangeValidated
    from contracts.avelarsys import OrderCreated as OrderCreated
    from contracts.avelarsys import OrderUpdated as OrderUpdated
    from contracts.avelarsys import PaymentConfirmed as PaymentConfirmed
    from contracts.avelarsys import ProductAdded as ProductAdded
    from contracts.avelarsys import ProductDeleted as ProductDeleted
    from contracts.avelarsys import ProductUpdated as ProductUpdated
    from contracts.avelarsys import ProfileUpdated as ProfileUpdated
    from contracts.avelarsys import ReplacementSent as ReplacementSent
    from contracts.avelarsys import ReturnRequested as ReturnRequested
    from contracts.avelarsys import ReturnResponded as ReturnResponded
    from contracts.avelarsys import StockAlert as StockAlert
    from contracts.avelarsys import TransactionCreated as TransactionCreated

__all__ = ["Example", "Notification"]

#: An example of one type, for documents: its `title` and `message`, and its `data` and `link` if it has any.
Example = Mapping[str, Any]


class Notification(msgspec.Struct, kw_only=True, tag_field="type", omit_defaults=True):
    """What every notification has.

    `title` and `message` are shown to a person. `link` is where a click on it leads: a path of the page's own origin,
    or a URL of an origin that the hub allows; the hub has checked it. The hub sets `timestamp` unless the publisher
    gives one. The hub adds `id` and `cursor`, so only received notifications have them. `id` is the same in every
    copy of one notification. Of several with one `collapse_id` only the newest counts: a list shows it in place of the
    others. The subscriber gives `cursor` back to continue after this notification.

    `strict`, `example` and the policy are not fields. If a type (or a base class of several) sets `strict`, the hub
    refuses `data` that is not of the declared shape with 400 instead of passing it on. Documents show `example` for a
    type; without one, they show an example made from the fields of `data`. The policy is the other class variables,
    which `contracts.policy.Policy` explains; a type inherits those of its base class.
    """

    strict: ClassVar[bool] = False
    example: ClassVar[Example | None] = None
    ttl_seconds: ClassVar[int | None] = None
    inbox: ClassVar[bool] = True
    collapse: ClassVar[bool] = False
    confirm: ClassVar[Confirm | None] = None
    mandatory: ClassVar[bool] = False
    push: ClassVar[PushUrgency] = "none"

    title: str
    message: str
    link: Link | UnsetType = UNSET
    timestamp: Timestamp | UnsetType = UNSET
    collapse_id: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    cursor: CursorText | UnsetType = UNSET


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return find_moved(__name__, name)
