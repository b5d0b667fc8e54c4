"""What AsyncAPI says of the streams that have a format of their own: Durable Streams, and the operator's events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hub import routes
from hub.api.openapi.components import describe_observations
from hub.api.openapi.examples import CURSOR, OBSERVATION_EXAMPLES
from hub.api.openapi.portable import Schema
from hub.publish.registry import TypeRegistry

__all__ = [
    "OBSERVE_CHANNEL",
    "STREAM_QUERY",
    "describe_observation_messages",
    "describe_stream_messages",
    "stream_channel",
]

#: The query of `/streams/me`.
STREAM_QUERY: Schema = {
    "type": "object",
    "properties": {
        "token": {
            "type": "string",
            "description": "A one-use ticket, or a user's token, if the client sets no header.",
        },
        "offset": {
            "type": "string",
            "description": "A `streamNextOffset` or any cursor of the hub; `-1` for the oldest notification that is "
            "kept; `now` for what comes from now on.",
        },
        "live": {"type": "string", "enum": ["sse", "long-poll"]},
        "cursor": {"type": "string", "description": "The last `streamCursor`; it is not a cursor of the hub."},
    },
}
_CONTROL: Schema = {
    "title": "StreamControl",
    "description": "Where to go on after the data before it, and whether that was all there is.",
    "type": "object",
    "properties": {
        "streamNextOffset": {"type": "string", "description": "The `offset` of the next request."},
        "streamCursor": {"type": "string", "description": "The `cursor` of the next request."},
        "upToDate": {"type": "boolean", "description": "True where nothing more is there; else it is left out."},
    },
    "required": ["streamNextOffset", "streamCursor"],
}
OBSERVE_CHANNEL: dict[str, Any] = {
    "address": routes.OBSERVE,
    "title": "Observation",
    "description": "`text/event-stream` for operators: each event's `data` is one object with a `type`. The first is "
    "`introduction`; `figures` come about once a second, `feed` whenever notifications are dispatched, and `closing` "
    "before the hub restarts. There are no titles, messages and `data`, and ids are masked unless the key has "
    "`observe_ids`.",
    "servers": [{"$ref": "#/servers/http"}],
}


def stream_channel() -> dict[str, Any]:
    """Return the channel of `/streams/me`, without its messages."""
    return {
        "address": routes.STREAM,
        "title": "Durable Streams",
        "description": "The read side of the open protocol Durable Streams: notifications alone, no control frames. "
        "With `live=sse` the response is a `text/event-stream`: an event `data` with a batch, then an event `control`, "
        "again and again. With `live=long-poll`, and without `live`, the response is one batch, and its headers have "
        "what `control` has. An offset that the log cannot serve gets 410, and a live read ends there.",
        "servers": [{"$ref": "#/servers/http"}],
    }


def describe_stream_messages(
    notifications: Iterable[Schema], example: Mapping[str, Any]
) -> dict[str, tuple[Schema, Any]]:
    """Return the schemas of the messages of `/streams/me` with an example each, by name.

    `notifications` are the schemas of what a batch may hold, and `example` is one of them.
    """
    batch = {
        "title": "StreamBatch",
        "description": "The notifications after an offset, in order; none where nothing more is there.",
        "type": "array",
        "items": {"oneOf": list(notifications)},
    }
    control = {"streamNextOffset": CURSOR, "streamCursor": "3361240", "upToDate": True}
    return {"StreamBatch": (batch, [dict(example)]), "StreamControl": (_CONTROL, control)}


def describe_observation_messages(registry: TypeRegistry) -> tuple[dict[str, str], dict[str, Schema]]:
    """Return the names of the events of an operator by their `type`, and the schemas that they need by name.

    Each event's schema has an example. No name is one of a frame of `registry`.
    """
    names, schemas = describe_observations(registry)
    for example in OBSERVATION_EXAMPLES:
        name = names[str(example.__struct_config__.tag)]
        schemas[name] = {**schemas[name], "examples": [msgspec.to_builtins(example)]}
    return names, schemas
