"""The loss checker's words for Centrifugo: its JSON protocol over WebSocket, and its HTTP API.

A channel stands for a user, since each channel of Centrifugo has an order and an epoch of its own. The rest of the
checker is the one that the hub is checked by.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx

from tests.cluster.ledger import Acknowledged, User, read_cursor
from tests.cluster.listener import Listener, open_websocket
from tests.cluster.poster import Poster
from tests.cluster.sender import LAST, Addressed, Refused, Sender

__all__ = ["CentrifugoListener", "CentrifugoSender", "Conversation", "name_channel", "write_cursor"]

#: How often a server sends something; Centrifugo's own default.
PING_S = 25
#: Error codes of the API that say that another attempt may end otherwise: internal, too many requests.
_TEMPORARY = {100, 111}
#: Unsubscribed for lack of what it missed: it has to subscribe again.
_INSUFFICIENT_STATE = 2500
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def name_channel(user: User) -> str:
    """Return the channel that stands for a user."""
    return f"user:{user.account_id}.{user.user_id}"


def write_cursor(epoch: str, offset: int) -> str:
    """Return a position as the ledger reads it."""
    digits = ""
    while offset:
        offset, digit = divmod(offset, 36)
        digits = _DIGITS[digit] + digits
    return f"{epoch}-{digits or '0'}"


class Conversation:
    """One connection's talk about one channel; pure. `replies` is what has to be sent next."""

    def __init__(self, channel: str, token: str, cursor: str) -> None:
        self._channel = channel
        self._cursor = cursor
        self._subscribed = 1
        self.replies: list[str] = [json.dumps({"id": 1, "connect": {"token": token}}), self._subscribe()]

    def take(self, text: str) -> Iterator[dict[str, Any]]:
        """Yield what a message of the server comes to, as frames of the hub's event stream.

        Raises:
            ConnectionError: the server does not let this client go on.
        """
        for line in filter(None, text.split("\n")):
            reply = json.loads(line)
            if not reply:
                self.replies.append("{}")
                if self._cursor:
                    yield {"type": "heartbeat", "cursor": self._cursor}
                continue
            if "error" in reply or "disconnect" in reply.get("push", {}):
                raise ConnectionError(line)
            if "subscribe" in reply:
                yield from self._begin(reply["subscribe"])
            push = reply.get("push", {})
            if "pub" in push:
                yield self._take(push["pub"])
            if push.get("unsubscribe", {}).get("code", 0) >= _INSUFFICIENT_STATE:
                self.replies.append(self._subscribe())

    def _begin(self, reply: dict[str, Any]) -> Iterator[dict[str, Any]]:
        publications, here = reply.get("publications", []), write_cursor(reply["epoch"], reply.get("offset", 0))
        missed = bool(self._cursor) and not reply.get("recovered", False)
        # What is recovered comes after the place that this client had; otherwise it begins where the channel is.
        if missed or not self._cursor:
            self._cursor = here
        yield {"type": "connection_established", "data": {"cursor": self._cursor, "heartbeatSeconds": PING_S}}
        if missed:
            yield {"type": "gap", "data": {"cursor": here}}
            return
        for publication in publications:
            yield self._take(publication)

    def _take(self, publication: dict[str, Any]) -> dict[str, Any]:
        self._cursor = write_cursor(read_cursor(self._cursor).epoch, publication["offset"])
        title = publication["data"]["title"]
        return {"type": "stock_alert", "title": title, "id": title, "cursor": self._cursor}

    def _subscribe(self) -> str:
        self._subscribed += 1
        request: dict[str, Any] = {"channel": self._channel}
        if self._cursor:
            place = read_cursor(self._cursor)
            request |= {"recover": True, "epoch": place.epoch, "offset": place.position}
        return json.dumps({"id": self._subscribed, "subscribe": request})


class CentrifugoListener(Listener):
    """One channel over WebSocket, at one node or at any of them, with recovery."""

    transports = ("websocket",)

    async def open(self, _: httpx.AsyncClient, url: str, transport: str) -> AsyncGenerator[dict[str, Any], None]:
        """Connect and subscribe with the position; yield frames until the connection ends."""
        talk = Conversation(name_channel(self.history.user), self._token, self.cursor)
        async with open_websocket(f"{url.replace('http', 'ws', 1)}/connection/websocket") as connection:
            while True:
                for text in talk.replies:
                    await connection.send(text)
                talk.replies.clear()
                message = await connection.recv(decode=True)
                for frame in talk.take(message):
                    yield frame


class CentrifugoSender(Sender):
    """Publishes each to one channel, with an idempotency key, at whichever node."""

    def choose_target(self) -> Addressed:
        """Return a channel, and the user that it stands for."""
        user = self._random.choice(self._users)
        return {"channel": name_channel(user)}, frozenset([user])

    def choose_last(self) -> list[tuple[str, dict[str, object], frozenset[User]]]:
        """Return one for each channel."""
        return [
            (f"{LAST} of {user.user_id} in {user.account_id}", {"channel": name_channel(user)}, frozenset([user]))
            for user in self._users
        ]

    async def post(self, http: Poster, url: str, title: str, key: str, target: dict[str, object]) -> Acknowledged | int:
        """Publish once; return where it is, or the code of an error after which another attempt may help.

        Raises:
            Refused: another attempt would end alike.
        """
        body = {**target, "data": {"title": title}, "idempotency_key": key}
        response = await http.post(f"{url}/api/publish", json=body, headers={"x-api-key": self._service_key})
        if response.status_code != 200:
            return response.status_code
        said = response.json()
        code: int = said.get("error", {}).get("code", 0)
        if code in _TEMPORARY:
            return code
        if code:
            raise Refused(f"{said['error']}")
        result = said["result"]
        return Acknowledged(title, read_cursor(write_cursor(result["epoch"], result["offset"])))
