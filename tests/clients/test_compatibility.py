"""The documents against those that clients were last built from, and the comparison itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.compatibility import find_api_breaks, find_frame_breaks

OPENAPI = Path(__file__).parents[2] / "openapi"
HOW = "deployed clients would break; if that is meant, say so in CHANGELOG.md and copy openapi/*.json to released/"


def read(name: str) -> dict[str, Any]:
    """Return a document."""
    document: dict[str, Any] = json.loads((OPENAPI / name).read_text(encoding="utf-8"))
    return document


API = read("released/openapi.json")
FRAMES = read("released/frames.schema.json")
NOTIFY = "POST /api/internal/notify"


class TestDocuments:
    def test_api(self) -> None:
        """No client of the released API breaks."""
        assert [] == find_api_breaks(API, read("openapi.json")), HOW

    def test_frames(self) -> None:
        """No subscriber built from the released schema breaks."""
        assert [] == find_frame_breaks(FRAMES, read("frames.schema.json")), HOW


def schema(document: dict[str, Any], name: str) -> Any:
    """Return a named schema of either document."""
    return (document.get("$defs") or document["components"]["schemas"])[name]


def operation(document: dict[str, Any], path: str = "/api/internal/notify") -> Any:
    """Return an operation that posts."""
    return document["paths"][path]["post"]


def lose_member(document: dict[str, Any], union: str, name: str) -> None:
    """Take a member out of a union."""
    members = document["oneOf"] if union == "Frame" and "oneOf" in document else schema(document, union)["oneOf"]
    members[:] = [member for member in members if not member["$ref"].endswith(f"/{name}")]


Change = Callable[[dict[str, Any]], object]

BREAKS: dict[str, tuple[Change, str]] = {
    "operation out": (lambda d: d["paths"].pop("/api/ticket"), "POST /api/ticket: is gone"),
    "operation renamed": (lambda d: operation(d).update(operationId="send"), f"{NOTIFY}: its name changed"),
    "type out": (lambda d: lose_member(d, "PublishRequest", "PublishStockAlert"), f"{NOTIFY} body: `stock_alert` is"),
    "tag changed": (
        lambda d: schema(d, "PublishStockAlert")["properties"]["type"].update(const="stock"),
        f"{NOTIFY} body: `stock_alert` is gone",
    ),
    "request field required": (
        lambda d: schema(d, "PublishStockAlert")["required"].append("ttl_seconds"),
        f"{NOTIFY} body `stock_alert`.ttl_seconds: is required now",
    ),
    "new request field required": (
        lambda d: (
            schema(d, "DisconnectRequest")["properties"].update(why={"type": "string"}),
            schema(d, "DisconnectRequest").update(required=["why"]),
        ),
        "POST /api/internal/disconnect body.why: is required now",
    ),
    "request field out": (
        lambda d: schema(d, "DisconnectRequest")["properties"].pop("jti"),
        "POST /api/internal/disconnect body.jti: is gone",
    ),
    "request takes no null": (
        lambda d: schema(d, "PublishStockAlert")["properties"]["user_id"]["anyOf"].pop(),
        f"{NOTIFY} body `stock_alert`.user_id: null is gone",
    ),
    "request bound": (
        lambda d: schema(d, "BatchRequest")["properties"]["notifications"].update(maxItems=10),
        "POST /api/internal/notify/batch body.notifications: maxItems fell",
    ),
    "request pattern": (
        lambda d: schema(d, "DisconnectRequest")["properties"]["token"]["anyOf"][0].update(pattern="^[0-9]{64}$"),
        "POST /api/internal/disconnect body.token string: has another pattern",
    ),
    "nested request field": (
        lambda d: schema(d, "OrderData")["properties"]["orderId"]["anyOf"].pop(0),
        f"{NOTIFY} body `order_created`.data object.orderId: integer is gone",
    ),
    "request closed": (
        lambda d: schema(d, "OrderData").update(additionalProperties=False),
        f"{NOTIFY} body `order_created`.data object: takes no further fields now",
    ),
    "parameter required": (
        lambda d: operation(d)["parameters"][0].update(required=True),
        f"{NOTIFY} Idempotency-Key: is required now",
    ),
    "response field out": (lambda d: schema(d, "Receipt")["properties"].pop("id"), f"{NOTIFY} 202.id: is gone"),
    "response field optional": (
        lambda d: schema(d, "Receipt")["required"].remove("cursor"),
        f"{NOTIFY} 202.cursor: may be missing now",
    ),
    "response field nullable": (
        lambda d: schema(d, "Receipt")["properties"].update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        f"{NOTIFY} 202.id: may be null now",
    ),
    "response type": (
        lambda d: schema(d, "Receipt")["properties"].update(id={"type": "integer"}),
        f"{NOTIFY} 202.id: string is gone",
    ),
    "success status": (lambda d: operation(d)["responses"].pop("202"), f"{NOTIFY} 202: is gone"),
    "problem field out": (lambda d: schema(d, "Problem")["properties"].pop("code"), f"{NOTIFY} 400.code: is gone"),
}

FRAME_BREAKS: dict[str, tuple[Change, str]] = {
    "type out": (lambda d: lose_member(d, "Frame", "Gap"), "frame: `gap` is gone"),
    "enum value out": (
        lambda d: schema(d, "ConnectionData")["properties"]["resume"]["enum"].remove("gap"),
        "frame `connection_established`.data.resume: 'gap' is gone",
    ),
    "enum value in": (
        lambda d: schema(d, "ConnectionData")["properties"]["resume"]["enum"].append("late"),
        "frame `connection_established`.data.resume: may be 'late' now",
    ),
    "field out": (lambda d: schema(d, "Heartbeat")["properties"].pop("cursor"), "frame `heartbeat`.cursor: is gone"),
    "field optional": (
        lambda d: schema(d, "Heartbeat")["required"].remove("cursor"),
        "frame `heartbeat`.cursor: may be missing now",
    ),
}

HARMLESS: dict[str, Change] = {
    "pattern written otherwise": lambda d: schema(d, "DisconnectRequest")["properties"]["token"]["anyOf"][0].update(
        pattern="^[0-9a-f]{64}$"
    ),
    "integer or number as number": lambda d: schema(d, "OrderData")["properties"]["total"]["anyOf"].pop(0),
    "new operation": lambda d: d["paths"].update({"/new": {"get": {"operationId": "new", "responses": {}}}}),
    "new type": lambda d: (
        d["components"]["schemas"].update(PublishNew={"type": "object", "properties": {"type": {"const": "new"}}}),
        schema(d, "PublishRequest")["oneOf"].append({"$ref": "#/components/schemas/PublishNew"}),
    ),
    "new optional request field": lambda d: schema(d, "DisconnectRequest")["properties"].update(why={}),
    "new response field": lambda d: schema(d, "Receipt")["properties"].update(new={"type": "string"}),
    "wider request": lambda d: schema(d, "BatchRequest")["properties"]["notifications"].update(maxItems=5000),
    "request field optional": lambda d: schema(d, "PublishStockAlert")["required"].remove("message"),
    "error out": lambda d: operation(d)["responses"].pop("415"),
    "other words": lambda d: schema(d, "Receipt").update(description="Other words"),
}


class TestComparison:
    """The comparison itself, so that a green run means something."""

    @pytest.mark.parametrize("name", BREAKS)
    def test_break_is_found(self, name: str) -> None:
        """A change that breaks clients is found, and said where."""
        change, expected = BREAKS[name]
        changed = copy.deepcopy(API)
        change(changed)
        assert [] != [found for found in find_api_breaks(API, changed) if found.startswith(expected)]

    @pytest.mark.parametrize("name", FRAME_BREAKS)
    def test_broken_frame_is_found(self, name: str) -> None:
        """A change that breaks subscribers is found, and said where."""
        change, expected = FRAME_BREAKS[name]
        changed = copy.deepcopy(FRAMES)
        change(changed)
        assert expected in find_frame_breaks(FRAMES, changed)

    @pytest.mark.parametrize("name", HARMLESS)
    def test_harmless_change_is_left_alone(self, name: str) -> None:
        """What only adds is not reported."""
        changed = copy.deepcopy(API)
        HARMLESS[name](changed)
        assert [] == find_api_breaks(API, changed)
