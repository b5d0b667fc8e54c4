"""What the hub asks of NATS: messages to subjects, requests with their replies, and to be told of what may be missing.

One room speaks to NATS (`hub.nats.connection`). The log and the cluster speak to this port, so a simulation can give
them a network of its own. A subject that ends in `>` means every subject that begins like it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

__all__ = [
    "Headers",
    "Message",
    "Nats",
    "NatsError",
    "NoResponders",
    "NotConnected",
    "NotInTime",
    "Reply",
    "Subscription",
    "TooLarge",
    "TooMuchWaits",
]

Headers = Mapping[str, str]


class NatsError(Exception):
    """A message could not be sent, or a request got no reply. Its text is a sentence without names of users."""


class NotConnected(NatsError):
    """There is no connection now; whether what was sent before its end has arrived is not known."""

    def __init__(self) -> None:
        super().__init__("NATS cannot be reached")


class NotInTime(NatsError):
    """The deadline passed without a reply; the request may have been carried out."""

    def __init__(self) -> None:
        super().__init__("NATS did not reply in time")


class NoResponders(NatsError):
    """Nobody takes requests on this subject; nothing was carried out."""

    def __init__(self) -> None:
        super().__init__("nobody takes this request at NATS")


class TooMuchWaits(NatsError):
    """Too much waits already to be sent; nothing of this was."""

    def __init__(self) -> None:
        super().__init__("too much waits to be sent to NATS")


class TooLarge(NatsError):
    """The server takes no message of this size; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("a message is larger than NATS takes")


class Message(msgspec.Struct, frozen=True, gc=False):
    """What came on a subject; `reply` is the subject that its sender waits at, empty where it does not."""

    subject: str
    payload: bytes
    headers: Headers
    reply: str = ""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The answer to a request. `headers` has `Status` where the server itself answers."""

    payload: bytes
    headers: Headers


class Subscription(Protocol):
    """A subject that is listened to."""

    def end(self) -> None:
        """Hear nothing of it any more."""


class Nats(Protocol):
    """A connection to a NATS cluster, which comes back by itself after it broke, for ever.

    While it is broken nothing is kept: `publish` and `request` raise at once, and every request under way ends with
    NotConnected. Messages to subscriptions may be missing then, and only then: a server that cannot get rid of them
    breaks the connection.
    """

    #: Called with True once connected again, after subscribing, and with False once not.
    on_change: list[Callable[[bool], None]]

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent now."""

    @property
    def server(self) -> str:
        """The name of the server that is connected; empty where none is."""

    def publish(self, subject: str, payload: bytes, headers: Headers | None = None, *, reply: str = "") -> None:
        """Send a message, in the order of the calls; a cut connection loses it without a word.

        Raises:
            NotConnected: nothing is sent.
            TooMuchWaits: too much waits already to be sent.
            TooLarge: the server takes no message of this size.
            ValueError: the subject or a header cannot be written as NATS has them.
        """

    async def request(self, subject: str, payload: bytes, *, headers: Headers | None = None, timeout_s: float) -> Reply:
        """Send a message and return the first reply to it.

        Raises:
            NotConnected: there is no connection, or it broke before the reply came.
            NoResponders: nobody listens there.
            NotInTime: no reply came in `timeout_s`.
            TooMuchWaits: too much waits already to be sent.
        """

    async def request_many(
        self,
        subject: str,
        payload: bytes,
        *,
        headers: Headers | None = None,
        timeout_s: float,
        expected: int | None = None,
        is_last: Callable[[Reply], bool] | None = None,
    ) -> list[Reply]:
        """Send a message and return the replies to it, as they came.

        It returns after `expected` of them, after the one that `is_last`, or with fewer once `timeout_s` has passed:
        the caller sees who is missing. Where nobody listens there are none.

        Raises:
            NotConnected: there is no connection, or it broke meanwhile.
            TooMuchWaits: too much waits already to be sent.
        """

    async def subscribe(self, subject: str, callback: Callable[[Message], None]) -> Subscription:
        """Call `callback` with each message to `subject`, in order, from when this returns; over reconnections, too.

        The callback never waits and never raises.
        """

    async def close(self) -> None:
        """End the connection; what `publish` took is sent before."""
