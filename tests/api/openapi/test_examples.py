"""Examples made from a company's own schemas."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest

from contracts.notification import Example, Notification
from hub.api.openapi.document import build_document
from hub.publish.body import parse_publish
from hub.publish.registry import TypeRegistry


class Part(msgspec.Struct):
    """Something inside something."""

    code: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$(?!\\n)", examples=["ABC"])]


class Varied(msgspec.Struct, rename="camel"):
    """One field of every kind that an example can be made of."""

    text: str
    count: Annotated[int, msgspec.Meta(ge=5)]
    share: Annotated[float, msgspec.Meta(le=0.5)]
    small: bool
    choice: Literal["left", "right"]
    parts: list[Part]
    part: Part
    either: int | str
    nothing: None
    land: Annotated[str, msgspec.Meta(min_length=2, max_length=2, extra_json_schema={"default": "BR"})]
    spare: str | None = None


class VariedSent(Notification, tag="varied"):
    """Sent by nobody."""

    data: Varied


class Guarded(msgspec.Struct):
    """A field that nobody can guess."""

    plate: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}-[0-9]{4}$(?!\\n)")]


class GuardedSent(Notification, tag="guarded"):
    """Sent by nobody."""

    data: Guarded


def publish_examples(registry: TypeRegistry) -> dict[str, Any]:
    """Return the examples of the publish request."""
    operation = build_document(registry, version="1")["paths"]["/api/internal/notify"]["post"]
    return {
        name: each["value"]
        for name, each in operation["requestBody"]["content"]["application/json"]["examples"].items()
    }


def test_example_is_made_from_the_schema() -> None:
    """What the example shows can be published."""
    registry = TypeRegistry([VariedSent])
    example = publish_examples(registry)["varied"]
    assert {"text", "count", "share", "small", "choice", "parts", "part", "either", "nothing", "land"} == set(
        example["data"]
    )
    assert ("ABC", "BR") == (example["data"]["part"]["code"], example["data"]["land"])
    assert "varied" == parse_publish(msgspec.json.encode(example), registry, now_s=0).type


@pytest.mark.parametrize("kinds", [[GuardedSent], [GuardedSent, VariedSent]])
def test_no_example_is_better_than_a_wrong_one(kinds: list[type[Notification]]) -> None:
    """A type whose values cannot be guessed has no example, and the document is still made."""
    assert "guarded" not in publish_examples(TypeRegistry(kinds))


class Told(Notification, tag="told"):
    """Sent by nobody."""

    example: ClassVar[Example] = {"title": "Chamado aberto", "message": "Impressora parada", "data": {"number": 7}}

    data: dict[str, int]


def test_a_type_s_own_example_is_shown_as_it_is() -> None:
    """A company that gives its own words sees them in its document, in the request and in the frame."""
    registry = TypeRegistry([Told, VariedSent])
    assert {"type": "told", **Told.example}.items() <= publish_examples(registry)["told"].items()
    frame = build_document(registry, version="1")["components"]["schemas"]["Told"]["examples"][0]
    assert {"type": "told", **Told.example}.items() <= frame.items()
