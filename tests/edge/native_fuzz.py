"""A program for the sanitizers: random sockets, subscribers and envelopes for the compiled fan-out, each checked.

`python native_fuzz.py SECONDS SEED` needs `hub_native` on the path, and nothing of the hub.
"""

from __future__ import annotations

import contextlib
import gc
import random
import socket
import sys
import time
from typing import Any

import hub_native

FORMS = ("frame", "deflated", "chunk", "event")


class Envelope:
    """An envelope whose forms may be missing, of another type, or made by code that starts the collector."""

    def __init__(self, position: Any, bodies: dict[str, Any]) -> None:
        self.position = position
        self.bodies = bodies

    def __getattr__(self, name: str) -> Any:
        gc.collect()
        try:
            return self.bodies[name]
        except KeyError:
            raise AttributeError(name) from None


class Key:
    """A subscriber; its end runs code, as a collected one's may."""

    ended = 0

    def __del__(self) -> None:
        Key.ended += 1
        gc.collect(0)


def make_value(chance: random.Random, near: socket.socket) -> Any:
    """Return what a dict of subscribers may hold, and what it may not."""
    kind = chance.randrange(12)
    if kind == 0:
        return chance.choice([None, 1, object(), "x", []])
    made = hub_native.SendSocket(chance.choice([-1, 1_000_000]) if kind == 1 else near.fileno(), chance.randrange(4))
    made.is_clear = kind != 2
    made.position = chance.choice([0, 5, 2**62, -(2**62)])
    return made


def misuse(chance: random.Random) -> None:
    """Call everything with what it is not made for."""
    wrong = [None, -1, 2**70, "x", b"", [], {}, {1: 2}, object(), 1.5]
    calls: list[Any] = [hub_native.send_batch, hub_native.SendSocket]
    for call in calls:
        with contextlib.suppress(TypeError, ValueError, OverflowError, AttributeError):
            call(*[chance.choice(wrong) for _ in range(chance.randrange(4))])
    with contextlib.suppress(ValueError, OverflowError):
        out_of_range = hub_native.SendSocket(-1, chance.choice([-(2**31), -1, 4, 5, 255, 256, 2**31]))
        out_of_range.is_clear = True
        hub_native.send_batch({1: out_of_range}, Envelope(1, dict.fromkeys(FORMS, b"x")))  # type: ignore[arg-type]
    one = hub_native.SendSocket(3, 1)
    for name in ("position", "is_clear", "descriptor", "form", "other"):
        with contextlib.suppress(TypeError, AttributeError, OverflowError, SystemError):
            setattr(one, name, chance.choice(wrong))
        with contextlib.suppress(TypeError, AttributeError):
            delattr(one, name)


def attack(chance: random.Random) -> None:
    """Send once to a few sockets in any state; what comes back has to add up."""
    with contextlib.ExitStack() as stack:
        registered: dict[Any, Any] = {}
        for _ in range(chance.randrange(8)):
            near, far = (stack.enter_context(each) for each in socket.socketpair())
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, chance.choice([1, 4_096, 200_000]))
            near.setblocking(chance.random() < 0.1)
            registered[Key()] = make_value(chance, near)
            state = chance.randrange(5)
            if state == 0:
                far.close()
            elif state == 1:
                near.close()
        bodies: dict[str, Any] = {name: bytes(chance.choice([0, 1, 500, 300_000])) for name in FORMS}
        for name in FORMS:
            if chance.random() < 0.05:
                bodies[name] = chance.choice([None, "text", bytearray(3)])
            elif chance.random() < 0.05:
                del bodies[name]
        envelope = Envelope(chance.choice([1, 10, 2**40, 2**63, "x", None]), bodies)
        for _ in range(chance.randrange(1, 4)):
            try:
                left, cut, websocket, sse = hub_native.send_batch(registered, envelope)  # type: ignore[arg-type]
            except (AttributeError, TypeError, OverflowError):
                continue
            assert len(registered) == len(left) + websocket + sse, "somebody was forgotten"
            assert len(cut) <= websocket + sse
            assert all(key in registered for key in left)
            assert all(key in registered and sent >= 0 for key, sent in cut)
            if chance.random() < 0.2:
                registered.clear()
                del left, cut
                gc.collect()


def main(seconds: float, seed: int) -> None:
    """Attack until the time is over; an assertion or a sanitizer ends the program before."""
    chance, rounds, until_s = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        attack(chance)
        misuse(chance)
        rounds += 1
    sys.stdout.write(f"{rounds} rounds, {Key.ended} subscribers\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
