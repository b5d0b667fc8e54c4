"""A contestant and its server: where to connect, how to publish, how to come back for what was missed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import msgspec

from bench.load import Publish
from bench.notice import user_id

__all__ = ["Address", "Contestant", "Running"]


class Address(msgspec.Struct, frozen=True):
    """What is posted, and where. `@TS@` stands for the time, `@USER@` for a user."""

    path: str
    body: bytes
    headers: tuple[str, ...] = ()

    def to(self, number: int) -> Address:
        """Return the same for the user with this number."""
        name = user_id(number)
        return Address(self.path.replace("@USER@", name), self.body.replace(b"@USER@", name.encode()), self.headers)


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A contestant that listens.

    `fresh_paths` name the same users as `paths` by credentials that the server has not seen yet. `everybody` reaches
    all of `paths`, `person` one user of `personal_paths`, and `batch` many persons who are away. `leave` publishes to
    user 0 and returns the path by which that user comes back for all that follows.
    """

    port: int
    pid: int
    paths: list[str]
    fresh_paths: list[str]
    everybody: Address
    personal_paths: list[str] = []
    person: Address | None = None
    batch: Address | None = None
    leave: Callable[[], str] | None = None
    hello: str = ""

    def publish(self, *, rate: float, seconds: float, fanout: int) -> Publish:
        """Return the load that publishes to every connection."""
        to = self.everybody
        return Publish(path=to.path, body=to.body, headers=to.headers, rate=rate, seconds=seconds, fanout=fanout)


class Contestant(msgspec.Struct, frozen=True, kw_only=True):
    """One that takes part in `transports`; `start` gets the transport and how many will connect.

    `has_tokens`: it checks who connects, so that a first connection costs more than another. `is_core`: it takes part
    in every round of every row that it has; the others in those of 20 a second and of connecting. `keeps` and
    `acknowledges` say what it stores, and what its response to a publish means.
    """

    name: str
    transports: tuple[str, ...]
    start: Callable[[str, int], contextlib.AbstractContextManager[Running]]
    keeps: str
    acknowledges: str
    has_tokens: bool = False
    is_core: bool = False
