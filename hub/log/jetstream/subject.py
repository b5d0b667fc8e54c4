"""The names of a log's stream at NATS. Names of the settings have no character that means something in a subject."""

from __future__ import annotations

import msgspec

__all__ = ["Names"]


class Names(msgspec.Struct, frozen=True):
    """Every name that begins with the stream's.

    All records have one subject: one for each account would cost memory, and a read of the disk at each publish.
    """

    stream: str

    @property
    def records(self) -> str:
        """The subject that records are published to, and stored under."""
        return f"{self.stream}.log"

    @property
    def tap(self) -> str:
        """The subject on which the leader repeats each record that it has stored; nobody else may publish to it."""
        return f"{self.stream}.tap"

    @property
    def info(self) -> str:
        """Where the leader says how the stream is."""
        return f"$JS.API.STREAM.INFO.{self.stream}"

    @property
    def create(self) -> str:
        """Where the stream is created; for administrators."""
        return f"$JS.API.STREAM.CREATE.{self.stream}"

    @property
    def update(self) -> str:
        """Where the stream's settings are changed; for administrators."""
        return f"$JS.API.STREAM.UPDATE.{self.stream}"

    @property
    def pages(self) -> str:
        """Where any replica reads pages of the stream (direct get)."""
        return f"$JS.API.DIRECT.GET.{self.stream}"
