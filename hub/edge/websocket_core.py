"""websockets' own parser of frames, with what it does not do for us; all that leans on its inside is here."""

from __future__ import annotations

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol, State

__all__ = ["WebSocketCore"]


class WebSocketCore(Protocol):
    """One WebSocket without its handshake and its socket: bytes in, frames out, and the closing handshake.

    A close inside an unfinished message is answered as any other; websockets fails the connection with 1002. RFC 6455
    section 5.4: control frames may come in the middle of a fragmented message.
    """

    def __init__(self, *, max_message_bytes: int, deflate: PerMessageDeflate | None) -> None:
        super().__init__(SERVER, state=State.OPEN, max_size=max_message_bytes)
        if deflate is not None:
            self.extensions = [deflate]

    def __repr__(self) -> str:
        return f"<WebSocketCore {self.state.name.lower()}>"

    def end(self) -> None:
        """Release the parser and its fault, which both hold this object that holds them."""
        self.parser.close()
        self.parser_exc = None

    def recv_frame(self, frame: Frame) -> None:
        """Take a parsed frame."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)
