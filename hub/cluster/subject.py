"""The subjects on which the nodes of one stream speak to each other. Pure."""

from __future__ import annotations

import msgspec

__all__ = ["Subjects"]


class Subjects(msgspec.Struct, frozen=True):
    """The subjects of the nodes of `stream`, whose name has no dot or wildcard; the stream stores none of them."""

    stream: str

    @property
    def head(self) -> str:
        """Everybody tells heads here."""
        return f"{self.stream}.node.head"

    @property
    def presence(self) -> str:
        """Everybody tells of themselves here."""
        return f"{self.stream}.node.presence"

    @property
    def acks(self) -> str:
        """Everybody tells here what clients acknowledge."""
        return f"{self.stream}.node.acks"

    @property
    def ask_all(self) -> str:
        """What all nodes are asked."""
        return f"{self.stream}.node.ask"

    def ask(self, node: str) -> str:
        """Return where one node is asked."""
        return f"{self.stream}.node.ask.{node}"

    def counts(self, node: str) -> str:
        """Return where one node is told how many connections its notifications met."""
        return f"{self.stream}.node.counts.{node}"
