"""The schemas of the API document, made from the structs in `contracts` and the registry's.

msgspec describes the structs; what it cannot know is added here: a subscriber always gets `timestamp`,
`id` and `cursor`, a publisher may give none of the last two, and unions name their discriminator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from contracts.explanation import Explanation
from contracts.frame import CONTROL_FRAMES, Ack, Auth, Listen
from contracts.health import Readiness
from contracts.inbox import InboxChange, InboxCount, InboxNotifications
from contracts.notification import Notification
from contracts.observation import (
    ConnectionsFound,
    ConnectionsRequest,
    Feed,
    Figures,
    Introduction,
    ObservationEnd,
)
from contracts.page import Page
from contracts.preferences import Preferences, PreferencesRequest
from contracts.problem import Problem
from contracts.push import PushFigures, PushKey, PushMessage, PushSubscription, PushUnsubscribe
from contracts.receipt import BatchReceipt, DisconnectReceipt, ForgetReceipt, Receipt, Ticket
from contracts.relay import RelayReport
from contracts.request import MAX_BATCH, AckRequest, DisconnectRequest, ExplainRequest, ForgetRequest, PublishRequest
from contracts.signal import Signal, SignalReceipt, SignalRequest
from contracts.stats import Stats
from contracts.trace import Trace
from contracts.webhook import NotificationConfirmed, NotificationUnconfirmed, WebhookPage, WebhookRepeated
from hub.api.openapi.examples import (
    ACK_EXAMPLE,
    LISTEN_EXAMPLE,
    frame_example,
    notification_example,
    publish_example,
    signal_example,
    signal_request_example,
)
from hub.api.openapi.portable import Schema, plain_schema
from hub.language import Texts
from hub.publish.policies import describe_policy
from hub.publish.registry import TypeRegistry

__all__ = ["POLICY", "Schema", "describe_frames", "describe_http", "describe_observations", "describe_page"]

_OBSERVATIONS = (Introduction, Figures, Feed, ObservationEnd)
_ANSWERS = (
    *(Receipt, BatchReceipt, SignalReceipt, Ticket, DisconnectReceipt, DisconnectRequest, Stats, Readiness, Problem),
    *(InboxChange, InboxCount, InboxNotifications, Preferences, PreferencesRequest, ForgetRequest, ForgetReceipt),
    *(AckRequest, WebhookPage, WebhookRepeated, NotificationUnconfirmed, NotificationConfirmed),
    *(ExplainRequest, Explanation, Trace, RelayReport, ConnectionsRequest, ConnectionsFound, *_OBSERVATIONS),
    *(PushKey, PushSubscription, PushUnsubscribe, PushMessage, PushFigures),
)
#: What the hub itself puts into a notification.
_STAMPED = frozenset({"timestamp", "id", "cursor"})
#: The extension that holds a type's policy.
POLICY = "x-policy"
#: A notification's members as they stand on the wire.
_ORDER = ("type", "title", "message", "data", "link", "timestamp", "collapse_id", "id", "cursor")
_LIVENESS: Schema = {
    "title": "Liveness",
    "description": "The process answers.",
    "type": "object",
    "properties": {"live": {"const": True}},
    "required": ["live"],
}


def describe_http(registry: TypeRegistry, texts: Texts) -> Schema:
    """Return every schema the API document refers to, by name."""
    template = "#/components/schemas/{name}"
    names, found = _describe((*registry.frames, *_ANSWERS), template)
    request = _describe((PublishRequest,), template)[1]["PublishRequest"]
    components = {name: plain_schema(found[name]) for name in sorted(found)}
    _say_policies(registry, names, components)
    requests = {}
    for tag, kind in registry.types.items():
        name = names[kind]
        made = components[f"Publish{name}"] = _make_request(kind, components[name], request)
        if registry.data_rules[tag].strict:
            made["description"] = f"{made['description']} Strict: `data` of another shape is refused.".strip()
        requests[tag] = template.format(name=f"Publish{name}")
    signal_request = _describe((SignalRequest,), template)[1]["SignalRequest"]
    signals = {}
    for tag, signal in registry.signals.items():
        name = f"Send{names[signal]}"
        components[name] = _make_signal_request(signal, components[names[signal]], signal_request)
        signals[tag] = template.format(name=name)
    sent = plain_schema(signal_request)
    components["SignalRequest"] = (
        {"title": "SignalRequest", "description": sent["description"], **_union(signals)} if signals else sent
    )
    _stamp(registry, names, components, texts)
    about = plain_schema(request)["description"]
    components["PublishRequest"] = {"title": "PublishRequest", "description": about, **_union(requests)}
    components["BatchRequest"] = _make_batch(template.format(name="PublishRequest"))
    components["Notification"] = {
        "title": "Notification",
        "description": "Any notification, as a subscriber receives it.",
        **_union({tag: template.format(name=names[kind]) for tag, kind in registry.types.items()}),
    }
    components["Frame"] = _make_frame(registry, names, template)
    components["ObservationEvent"] = {
        "title": "ObservationEvent",
        "description": "One event of an operator's stream. Types may be added, so a client passes over a `type` it "
        "does not know.",
        **_union({str(kind.__struct_config__.tag): template.format(name=names[kind]) for kind in _OBSERVATIONS}),
    }
    components["Page"] = describe_page({"$ref": template.format(name="Frame")})
    components["Liveness"] = plain_schema(_LIVENESS)
    return dict(sorted(components.items()))


def describe_frames(registry: TypeRegistry, texts: Texts) -> Schema:
    """Return the JSON Schema (2020-12) of a frame; `Auth`, `Listen` and `Ack` are what a client may say."""
    template = "#/$defs/{name}"
    names, found = _describe((*registry.frames, Auth, Listen, Ack), template)
    components = {name: plain_schema(found[name]) for name in sorted(found)}
    _say_policies(registry, names, components)
    _stamp(registry, names, components, texts)
    components["Listen"]["examples"] = [LISTEN_EXAMPLE]
    components["Ack"]["examples"] = [ACK_EXAMPLE]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_make_frame(registry, names, template),
        "$defs": components,
    }


def describe_observations(registry: TypeRegistry) -> tuple[dict[str, str], dict[str, Schema]]:
    """Return the names of an operator's events by their `type`, and every schema they need by name.

    References lead into `$defs`. No name is one that `describe_frames` gives a frame.
    """
    template = "#/$defs/{name}"
    names, found = _describe((*registry.frames, *_OBSERVATIONS), template)
    frames = _describe(registry.frames, template)[1]
    schemas = {name: plain_schema(schema) for name, schema in sorted(found.items()) if name not in frames}
    return {str(kind.__struct_config__.tag): names[kind] for kind in _OBSERVATIONS}, schemas


def _describe(kinds: Iterable[type[msgspec.Struct]], template: str) -> tuple[dict[type, str], dict[str, Schema]]:
    kinds = tuple(kinds)
    references, components = msgspec.json.schema_components(kinds, ref_template=template)
    names = {kind: reference["$ref"].rpartition("/")[2] for kind, reference in zip(kinds, references, strict=True)}
    return names, dict(components)


def _say_policies(registry: TypeRegistry, names: Mapping[type, str], components: Mapping[str, Schema]) -> None:
    """Say of each type what its policy is: in words for people, and as an extension for programs."""
    for tag, kind in registry.types.items():
        schema, policy = components[names[kind]], registry.policies[tag]
        schema["description"] = " ".join((schema.get("description", ""), *describe_policy(policy))).strip()
        schema[POLICY] = msgspec.to_builtins(policy)


def _make_request(kind: type[Notification], received: Schema, request: Schema) -> Schema:
    """Return what a publisher sends for one type: its own `data`, and the fields of every request."""
    own = received["properties"]
    fields = {name: plain_schema(schema) for name, schema in request["properties"].items() if name != "data"}
    properties = {"type": own["type"], "title": fields["title"], "message": fields["message"]}
    if "data" in own:
        needed = "data" in received["required"]
        properties["data"] = own["data"] if needed else {"anyOf": [own["data"], {"type": "null"}]}
    properties.update({name: schema for name, schema in fields.items() if name not in properties})
    schema = {
        "title": f"Publish{received['title']}",
        "description": received.get("description", ""),
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name in {"type", *received["required"]}],
        "additionalProperties": False,
        POLICY: received[POLICY],
    }
    example = publish_example(kind)
    return schema if example is None else {**schema, "examples": [example]}


def _make_signal_request(kind: type[Signal], received: Schema, request: Schema) -> Schema:
    """Return what a service sends for one signal: its own `data`, and the fields of every request."""
    own = received["properties"]
    fields = {name: plain_schema(schema) for name, schema in request["properties"].items() if name != "data"}
    needed = "data" in received["required"]
    data = {"data": own["data"] if needed else {"anyOf": [own["data"], {"type": "null"}]}} if "data" in own else {}
    schema = {
        "title": f"Send{received['title']}",
        "description": received.get("description", ""),
        "type": "object",
        "properties": {**fields, "type": own["type"], **data},
        "required": ["type", *(["data"] if needed else [])],
        "additionalProperties": False,
    }
    example = signal_request_example(kind)
    return schema if example is None else {**schema, "examples": [example]}


def _make_batch(request: str) -> Schema:
    return {
        "title": "BatchRequest",
        "description": "Up to 1,000 notifications, stored in this order; each is taken or refused on its own.",
        "type": "object",
        "properties": {
            "notifications": {"type": "array", "items": {"$ref": request}, "minItems": 1, "maxItems": MAX_BATCH}
        },
        "required": ["notifications"],
        "additionalProperties": False,
    }


def describe_page(frame: Schema) -> Schema:
    """Return the schema of what `/poll` responds with, where `frame` is that of a frame in it."""
    page = plain_schema(_describe((Page,), "{name}")[1]["Page"])
    page["properties"]["frames"]["items"] = frame
    return page


def _make_frame(registry: TypeRegistry, names: Mapping[type, str], template: str) -> Schema:
    tags = {str(kind.__struct_config__.tag): template.format(name=names[kind]) for kind in registry.frames}
    return {
        "title": "Frame",
        "description": "One message on a connection: a notification, a signal or a control frame. Types may be added, "
        "so a client passes over a `type` it does not know.",
        **_union(tags),
    }


def _stamp(registry: TypeRegistry, names: Mapping[type, str], components: dict[str, Schema], texts: Texts) -> None:
    """Say of each frame what a subscriber can rely on, and show one."""
    for kind in registry.types.values():
        schema = components[names[kind]]
        schema["properties"] = {name: schema["properties"][name] for name in _ORDER if name in schema["properties"]}
        schema["required"] = [name for name in schema["properties"] if name in {*schema["required"], *_STAMPED}]
        example = notification_example(kind)
        if example is not None:
            schema["examples"] = [example]
    for signal in registry.signals.values():
        schema = components[names[signal]]
        wanted = ("type", "data", "timestamp", "missed")
        schema["properties"] = {name: schema["properties"][name] for name in wanted if name in schema["properties"]}
        schema["required"] = [
            name for name in schema["properties"] if name in {*schema["required"], "timestamp", "missed"}
        ]
        example = signal_example(signal)
        if example is not None:
            schema["examples"] = [example]
    for control in CONTROL_FRAMES:
        schema = components[names[control]]
        needed = {"type", *schema["required"]}
        schema["required"] = [name for name in schema["properties"] if name in needed]
        schema["examples"] = [frame_example(control, texts)]


def _union(references: Mapping[str, str]) -> Schema:
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "type", "mapping": dict(references)},
    }
