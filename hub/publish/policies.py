"""How a type's policy is read from its class, what makes no sense in one, and how it is told to people."""

from __future__ import annotations

from typing import TypeAlias, get_args

import msgspec

from contracts.notification import Notification
from contracts.policy import Policy, PushUrgency
from contracts.signal import Signal

__all__ = ["describe_policy", "find_misplaced", "make_policy"]

_Kind: TypeAlias = type[Notification] | type[Signal]
_NAMES = Policy.__struct_fields__


def make_policy(kind: type[Notification]) -> Policy:
    """Return the policy that the class variables of `kind` declare.

    Raises:
        ValueError: one of them has a value that it cannot have, or two of them contradict each other.
    """
    declared: dict[str, object] = {
        "ttl_seconds": kind.ttl_seconds,
        "inbox": kind.inbox,
        "collapse": kind.collapse,
        "confirm": kind.confirm,
        "mandatory": kind.mandatory,
        "push": kind.push,
    }
    for name, value in declared.items():
        try:
            # As plain values, for a struct that is already made is not looked into.
            declared[name] = msgspec.to_builtins(value)
            msgspec.convert({name: declared[name]}, Policy)
        except (msgspec.ValidationError, TypeError) as error:
            raise ValueError(f"`{name}`: {_describe(error, name)}") from None
    policy = msgspec.convert(declared, Policy)
    confirm = policy.confirm
    if confirm is not None and confirm.by == "read" and not policy.inbox:
        raise ValueError("`confirm` by `read` needs `inbox = True`, for nothing else is marked as read")
    if confirm is not None and policy.ttl_seconds is not None and confirm.within_seconds > policy.ttl_seconds:
        raise ValueError("`confirm` waits for longer than `ttl_seconds`, after which nobody gets the notification")
    return policy


def find_misplaced(kind: _Kind) -> str | None:
    """Return the first name of a policy that a class declares as a field, or that a signal has; None if there is none.

    A signal is handed over and forgotten, so nothing of a policy could be done with it.
    """
    fields = set(kind.__struct_fields__)
    of_signal = issubclass(kind, Signal)
    return next((name for name in _NAMES if name in fields or (of_signal and hasattr(kind, name))), None)


def describe_policy(policy: Policy) -> list[str]:
    """Return one sentence for each part of a policy that changes something."""
    sentences = []
    if policy.ttl_seconds is not None:
        sentences.append(f"Delivered for at most {policy.ttl_seconds} seconds.")
    if not policy.inbox:
        sentences.append("Not listed in the inbox.")
    if policy.collapse:
        sentences.append("With a `collapse_key` it takes the place of an older one.")
    if policy.confirm is not None:
        confirm = policy.confirm
        sentences.append(
            f"Has to be {confirm.by} within {confirm.within_seconds} seconds, unless the publish says otherwise."
        )
    if policy.mandatory:
        sentences.append("Users cannot mute it.")
    if policy.push != "none":
        sentences.append(f"Pushed with the urgency `{policy.push}`.")
    return sentences


def _describe(error: Exception, name: str) -> str:
    """Return the cause in words, with the path inside of the value only where there is one."""
    if name == "push":
        return f"it is one of {', '.join(get_args(PushUrgency))}"
    return str(error).replace(f" - at `$.{name}`", "").replace(f"`$.{name}.", f"`{name}.")
