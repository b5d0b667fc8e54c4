"""What the hub itself says to people, in the languages that it knows (`HUB_LANGUAGE`).

Frontends that know nothing of the hub show every frame as a message, so the two control frames that they can meet have
a title and a message. All other texts are a publisher's, or for developers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from contracts.frame import ConnectionData, ConnectionEstablished, Gap, GapData
from hub.cursor import Cursor
from hub.timestamp import format_time

__all__ = ["DEFAULT_LANGUAGE", "TEXTS", "Language", "Texts"]

#: Names of RFC 5646.
Language = Literal["pt-BR", "en"]
DEFAULT_LANGUAGE: Language = "pt-BR"


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """The titles and messages of one language."""

    connected_title: str
    connected_message: str
    gap_title: str
    gap_message: str

    def make_greeting(self, data: ConnectionData, *, at_s: float) -> ConnectionEstablished:
        """Return the first frame of a connection."""
        return ConnectionEstablished(
            title=self.connected_title, message=self.connected_message, data=data, timestamp=format_time(at_s)
        )

    def make_gap(self, cursor: Cursor, *, at_s: float) -> Gap:
        """Return the frame that announces a gap; the client goes on from `cursor`."""
        return Gap(
            title=self.gap_title,
            message=self.gap_message,
            data=GapData(cursor=str(cursor)),
            timestamp=format_time(at_s),
        )


TEXTS: Mapping[Language, Texts] = MappingProxyType(
    {
        "pt-BR": Texts(
            connected_title="Conectado",
            connected_message="Conexão estabelecida com o hub de notificações",
            gap_title="Notificações antigas indisponíveis",
            gap_message="Parte do que foi enviado durante a sua ausência não está mais disponível. Atualize a página.",
        ),
        "en": Texts(
            connected_title="Connected",
            connected_message="Connected to the notification hub",
            gap_title="Older notifications unavailable",
            gap_message="Part of what was sent while you were away is no longer available. Reload the page.",
        ),
    }
)
