"""What the hub itself says to people, in the language it is set to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.language import TEXTS, Language
from tests.harness import run_hub

#: Of a log that this hub never had.
LOST_CURSOR = "k3v9q2m7xa-1z8"


@pytest.mark.parametrize(("changes", "language"), [({}, "pt-BR"), ({"language": "en"}, "en")])
async def test_greeting_and_gap_are_in_the_language_of_the_hub(
    tmp_path: Path, changes: dict[str, Any], language: Language
) -> None:
    """Over every transport, Portuguese unless another language is set; the rest of the frames is the same."""
    texts = TEXTS[language]
    greeting, gap = (texts.connected_title, texts.connected_message), (texts.gap_title, texts.gap_message)
    async with run_hub(tmp_path, **changes) as hub:
        async with (
            hub.websocket(cursor=LOST_CURSOR) as websocket,
            hub.events(cursor=LOST_CURSOR) as events,
            hub.websocket(subprotocols=()) as old,
        ):
            for client in (websocket, events, old):
                assert greeting == (client.hello["title"], client.hello["message"])
                assert ["type", "title", "message", "data", "timestamp"] == list(client.hello)
            for client in (websocket, events):
                frame = await client.frame()
                assert ("gap", *gap) == (frame["type"], frame["title"], frame["message"])
        headers = {"authorization": f"Bearer {hub.token()}"}
        page = (await hub.http.get("/poll", params={"cursor": LOST_CURSOR}, headers=headers)).json()
        assert [("gap", *gap)] == [(frame["type"], frame["title"], frame["message"]) for frame in page["frames"]]
        document = (await hub.http.get("/schema/frames.json")).json()
        assert texts.gap_title == document["$defs"]["Gap"]["examples"][0]["title"]


def test_languages_say_different_things_and_say_all_of_it() -> None:
    """No text is empty, and none is left in another language."""
    portuguese, english = (msgspec.structs.asdict(TEXTS[language]) for language in ("pt-BR", "en"))
    assert all(portuguese.values())
    assert all(english.values())
    assert not set(portuguese.values()) & set(english.values())
