"""The edge of the process for WebSockets: uvicorn's sans-I/O protocol with bounds, and the link.

uvicorn never drops a peer that stops reading, answers pings without a bound and lets two million empty
continuation frames through; each of these ends here. Its own keepalive is off: the shared clock pings.
It leans on the inside of uvicorn, whose exact version is therefore pinned.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, Self, cast
from urllib.parse import unquote
from weakref import ref

import httptools
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol, State
from websockets.streams import StreamReader

from hub.delivery.envelope import DEFLATE_WINDOW_BITS
from hub.edge.handshake import Handshake, negotiate
from hub.edge.hoist import hoist
from hub.edge.last_answer import encode_last_answer
from hub.edge.links import (
    CLOSE_TIMEOUT_S,
    ConfirmedLink,
    DeflatedConfirmedLink,
    DeflatedLink,
    WebSocketLink,
    open_weakly,
)
from hub.edge.waiters import Inbox, Signal
from hub.errors import BadRequest, Draining, Forbidden, HubError, Internal
from hub.errors.problem import ProblemResponse, write_problem

__all__ = ["Core", "WebSocketProtocol"]

#: Frames of any kind a client may send, as a token bucket. The frontends in the field send none.
FRAMES_PER_S = 50.0
FRAMES_BURST = 200.0
#: What may wait unread by a peer that keeps us answering (pongs).
MAX_ANSWER_BYTES = 65_536
#: The same once notifications wait there too; the dispatcher has its own budget for these.
MAX_UNSENT_BYTES = 2_097_152
#: Messages that may wait for the app. It is busy while it replays, and a peer whose pongs are not read meanwhile
#: would be taken for dead.
MAX_WAITING_MESSAGES = 8
#: What a message of hub.v1 has at most: a token of 8 KiB. The app is told of a longer one, and not what it says.
LONGEST_BYTES = 16_384
#: What they may weigh: one packet holds dozens, and is parsed whole.
MAX_WAITING_BYTES = 32_768
#: What a shutdown gives the closes that are still under way; the drain before it gave them their time.
LAST_MOMENT_S = 0.5
#: ASGI's name for an app that refuses a handshake with an answer of its own.
_DENIAL = "websocket.http.response"


#: What the constructors make for each connection; all the rest is the server's.
OWN = frozenset({"queue", "conn", "writable", "frames"})
OWN_OF_CORE = frozenset({"reader", "events", "writes", "parser", "extensions"})


class Core(Protocol):
    """websockets' core, which answers a close inside an unfinished message with 1002 instead of its echo.

    RFC 6455 section 5.4: control frames may come in the middle of a fragmented message. A server is given a class
    of its own, made by `for_server`.
    """

    def __init__(self) -> None:
        self.extensions = []
        self.reader = StreamReader()
        self.events = []
        self.writes = []
        self.parser = self.parse()
        next(self.parser)  # as the base does, to where it waits for bytes

    @classmethod
    def for_server(cls, *, max_message_bytes: int, logger: logging.Logger) -> type[Self]:
        """Return the class for the connections of one server."""
        kind = type(cls.__name__, (cls,), {})
        hoist(kind, Protocol(SERVER, state=State.OPEN, max_size=max_message_bytes, logger=logger), but=OWN_OF_CORE)
        return kind

    def end(self) -> None:
        """Let go of the parser and of its fault, which both hold this object that holds them."""
        self.parser.close()
        self.parser_exc = None

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection whose frames, answers and end are bounded.

    A server is given a class of its own, from `for_server`, which carries what its connections share.
    """

    _core_class: type[Core]
    _link: WebSocketLink | None = None
    _refusal: tuple[int, list[tuple[bytes, bytes]]] | None = None
    _ending = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        kind = type(self)
        if "config" not in vars(kind):
            hoist(kind, WebSocketsSansIOProtocol(config, server_state, app_state, _loop), but=OWN)
            kind._core_class = Core.for_server(max_message_bytes=config.ws_max_size, logger=self.logger)
        # Of asyncio's both the base needs what these have.
        self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", Inbox[ASGIReceiveEvent]())
        self.writable = Signal(is_set=True)
        self.frames = []
        self._tokens = FRAMES_BURST
        self._seen_s = self.loop.time()
        self._handshake: Handshake

    @classmethod
    def for_server(cls) -> type[Self]:
        """Return the class for the connections of one server."""
        return type(cls.__name__, (cls,), {})

    def begin(self, transport: asyncio.Transport, request: HTTPScope, url: bytes) -> None:
        """Take over a connection with the upgrade request that was read from it, and start the app.

        The app finds the way to the link of this connection in its scope.
        """
        self.connections.add(self)
        self.transport = transport
        self.server = request["server"]
        self.client = request["client"]
        self.scheme = "wss" if request["scheme"] == "https" else "ws"
        self.handshake_initiated = True
        try:
            self._handshake = negotiate(
                request["method"],
                request["http_version"],
                list(request["headers"]),
                compresses=self.config.ws_per_message_deflate,
            )
            target = httptools.parse_url(url)
            raw_path: bytes = target.path
            path = unquote(raw_path.decode("ascii"))
        except HubError as error:
            self._end_handshake(write_problem(error))
            return
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
            self._end_handshake(write_problem(BadRequest("The URL cannot be read")))
            return
        core = self._core_class()
        if self._handshake.deflate is not None:
            core.extensions = [self._handshake.deflate]
        self.conn = core  # type: ignore[assignment]  # of the base's class we need what both have
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + path,
            "raw_path": self.root_path.encode("ascii") + raw_path,
            "query_string": target.query or b"",
            "headers": request["headers"],
            "subprotocols": self._handshake.subprotocols,
            "state": self.app_state.copy(),
            "extensions": cast(
                "dict[str, dict[object, object]]", {_DENIAL: {}, "hub.link": partial(open_weakly, ref(self))}
            ),
        }
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def open_link(self, *, confirmed: bool = False) -> WebSocketLink:
        """Return the link of this connection; it writes to the transport directly.

        `confirmed`: what arrives is asked for, since the client gives no cursor.

        Raises:
            ConnectionError: the peer has left.
        """
        if self.disconnected or self.transport.is_closing():
            self.handshake_complete = True  # nobody is there to answer, which is no failure of the app
            raise ConnectionResetError
        deflate = self._handshake.deflate
        # A client may ask for a smaller window than our shared frames are made with; it gets them plain.
        fits = deflate is not None and deflate.local_max_window_bits >= DEFLATE_WINDOW_BITS
        kinds = (ConfirmedLink, DeflatedConfirmedLink) if confirmed else (WebSocketLink, DeflatedLink)
        self._link = kinds[fits](self.transport, self)
        return self._link

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link, so that nothing is written to a transport that is gone, and let go of what holds itself."""
        if self._link is not None:
            self._link.connection_lost()
            self._link = None
        super().connection_lost(exc)
        core = vars(self).get("conn")
        if core is not None:
            core.end()

    def handle_events(self) -> None:
        """Act on what was parsed, unless the peer sends more frames than any client of ours would."""
        events = self.conn.events_received()
        now_s = self.loop.time()
        self._tokens = min(FRAMES_BURST, self._tokens + (now_s - self._seen_s) * FRAMES_PER_S) - len(events)
        self._seen_s = now_s
        if self._tokens < 0:
            self._drop(1008)
            return
        if self._link is not None and events:
            self._link.on_activity()
        # The base class asks the core for the events, which it hands out once.
        self.conn.events = events
        super().handle_events()

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the app says; until the handshake is answered, that is how it is answered."""
        if self.handshake_complete:
            await super().send(message)
        elif self.disconnected:
            raise ClientDisconnected
        elif message["type"] == "websocket.accept":
            self._accept(message.get("subprotocol"), list(message.get("headers", [])))
        elif message["type"] == "websocket.close":
            # How an app without ASGI's denial response refuses; ours gives its reasons.
            self._end_handshake(write_problem(Forbidden()))
        elif message["type"] == "websocket.http.response.start":
            self._refusal = (message["status"], list(message.get("headers", [])))
        elif message["type"] == "websocket.http.response.body" and self._refusal is not None:
            status, headers = self._refusal
            self._end_handshake(ProblemResponse(status, headers, message["body"]))
        else:
            raise RuntimeError(f"a handshake cannot be answered with {message['type']}")

    def send_500_response(self) -> None:
        """Answer a handshake whose app failed, or that the shutdown overtook."""
        if not self.handshake_complete:
            self._end_handshake(write_problem(Draining() if self._ending else Internal()))

    def handle_ping(self) -> None:
        """Answer a ping, unless the peer does not read the answers."""
        super().handle_ping()
        limit_bytes = MAX_ANSWER_BYTES if self._link is None else MAX_UNSENT_BYTES
        if self.transport.get_write_buffer_size() > limit_bytes:
            self._drop(1008)

    def handle_pong(self, event: Frame) -> None:
        """Take it for an answer to what was asked; any frame counted as a sign of life already."""
        if isinstance(self._link, ConfirmedLink):
            self._link.take_pong(bytes(event.data))

    def handle_close(self, event: Frame) -> None:
        """Answer the peer's close; one that then reads nothing is aborted."""
        if isinstance(self._link, ConfirmedLink) and not self.close_sent and self.conn.close_rcvd is not None:
            self._link.take_close(self.conn.close_rcvd.code)
        super().handle_close(event)
        self._abort_soon()

    def handle_parser_exception(self) -> None:
        """End a connection that broke the protocol, with the code the parser chose."""
        if self.conn.close_sent is None:
            # Before the accept nobody is there to read a code, and the parser chose none.
            self._drop(1002)
            return
        super().handle_parser_exception()
        self._abort_soon()

    def send_receive_event_to_app(self) -> None:
        """Hand a message to the app; text that is not UTF-8 closes with 1007 (RFC 6455 section 8.1)."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(1007, "text is not UTF-8")
                self.handle_parser_exception()
                return
        if sum(map(len, self.frames)) > LONGEST_BYTES:
            self.frames = [b""]
        super().send_receive_event_to_app()
        waiting = cast("Inbox[ASGIReceiveEvent]", self.queue)
        if waiting.qsize() > 1 and sum(map(_weigh, waiting)) > MAX_WAITING_BYTES:
            self._drop(1008)
            return
        if self.read_paused and self.queue.qsize() < MAX_WAITING_MESSAGES:
            self.read_paused = False
            self.transport.resume_reading()

    def close_nowait(self, code: int, reason: str) -> None:
        """Send a close frame and end the app's part; abort where the peer does not answer in time."""
        if not self.handshake_complete:
            self.transport.abort()
            return
        if self.close_sent or self.transport.is_closing() or self.conn.state is not State.OPEN:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def shutdown(self) -> None:
        """End with 1012; a peer that has not taken it a moment later is aborted."""
        self._ending = True
        if not self.close_sent and self.conn.state in {State.CLOSING, State.CLOSED}:
            # The peer closed first and has not taken the answer yet; the base class would send a second close,
            # fail at it, and leave the whole shutdown undone.
            self.transport.close()
        else:
            super().shutdown()
        self.loop.call_later(LAST_MOMENT_S, self.transport.abort)

    def _accept(self, subprotocol: str | None, headers: list[tuple[bytes, bytes]]) -> None:
        if not self.transport.is_closing():
            self.handshake_complete = True
            answer = self._handshake.answer(subprotocol, headers)
            # Through the link, so that it leaves together with the greeting.
            if self._link is None:
                self.transport.write(answer)
            else:
                self._link.write_bytes(answer)

    def _end_handshake(self, answer: ProblemResponse) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self.close_sent = True
        self.handshake_complete = True
        if not self.transport.is_closing():
            self.transport.write(encode_last_answer(answer))
            self.transport.close()

    def _drop(self, code: int) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
        self.close_sent = True
        self.transport.abort()

    def _abort_soon(self) -> None:
        # `transport.close()` waits for bytes that a stalled peer never takes.
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)


def _weigh(message: ASGIReceiveEvent) -> int:
    return len(message.get("text") or message.get("bytes") or b"") if message["type"] == "websocket.receive" else 0
