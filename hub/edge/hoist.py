"""What a constructor sets alike for every connection, kept once per server instead of once per connection.

uvicorn's protocols have some thirty attributes, most of which are the server's. They need not be set for each
connection, and beyond the thirty that Python stores compactly an object takes a kilobyte more.
"""

from __future__ import annotations

import inspect

__all__ = ["hoist"]


def hoist(kind: type, model: object, *, but: frozenset[str]) -> None:
    """Make the attributes of `model`, a fresh instance, defaults of the class `kind`.

    `but` names those that every instance has to make itself: whatever one connection could change for another.
    """
    for name, value in vars(model).items():
        if name not in but:
            # A function would become a method of whoever asks for it.
            setattr(kind, name, staticmethod(value) if inspect.isroutine(value) else value)
