"""Targets as an operator sees them: the first ones, with masked ids unless the key may see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Literal

from msgspec import UNSET, UnsetType

from contracts.explanation import MAX_SHOWN_TARGETS, TargetView
from hub.auth.grant import ServiceGrant
from hub.masking import mask_id
from hub.target import Target, split_target

__all__ = ["reaches_targets", "view_targets"]


def view_targets(targets: Iterable[Target], service: ServiceGrant) -> list[TargetView]:
    """Return the first targets as `service` may see them."""
    return [
        _view(target, shows_ids="observe_ids" in service.operations) for target in islice(targets, MAX_SHOWN_TARGETS)
    ]


def reaches_targets(service: ServiceGrant, targets: Iterable[Target]) -> bool:
    """Whether the key reaches the account of every target; `everyone` is beyond a key that is bound to accounts."""
    if service.accounts is None:
        return True
    return all(account in service.accounts for account, _ in map(split_target, targets))


def _view(target: Target, *, shows_ids: bool) -> TargetView:
    account_id, user_id = split_target(target)
    if account_id is None:
        return TargetView(kind="everyone")
    kind: Literal["account", "user"] = "account" if user_id is None else "user"
    return TargetView(kind=kind, account_id=_show(account_id, shows_ids), user_id=_show(user_id, shows_ids))


def _show(identifier: str | None, shows_ids: bool) -> str | UnsetType:
    if identifier is None:
        return UNSET
    return identifier if shows_ids else mask_id(identifier)
