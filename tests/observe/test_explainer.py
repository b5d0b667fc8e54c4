"""What `POST /api/internal/explain` says, against a running hub: it agrees with the publish, and tells no stranger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from contracts.frame import RESERVED_TYPES
from hub.directory.demo import create_demo_directory
from tests.attacks.identity import write_keys
from tests.harness import RunningHub, run_hub

BUYER, SELLER, COLLEAGUE = "00000000001", "00000000002", "00000000003"
SUSPENDED, INACTIVE = "00000000005", "00000000006"
ACCOUNT, OTHER_ACCOUNT, SUSPENDED_ACCOUNT = "00000000000101", "00000000000202", "00000000000404"
ALERT = {"type": "stock_alert", "title": "Estoque baixo", "message": "Faltam peças"}
KEYS: dict[str, dict[str, object]] = {
    "full": {"everyone": True, "operations": ["publish", "observe", "observe_ids"]},
    "masked": {"operations": ["publish", "observe"]},
    "watcher": {"operations": ["observe"]},
    "bound": {"accounts": [ACCOUNT], "operations": ["publish", "observe"]},
    "shop": {"types": ["order_created"]},
}


class Explained:
    """A hub with a directory and services of several rights."""

    def __init__(self, hub: RunningHub, keys: dict[str, str]) -> None:
        self.hub = hub
        self.keys = keys

    async def explain(self, service: str = "full", *, headers: dict[str, str] | None = None, **body: Any) -> Any:
        """Return the explanation that `service` gets."""
        self.hub.key = self.keys[service]
        answer = await self.hub.post("/api/internal/explain", {**ALERT, **body}, headers=headers)
        assert 200 == answer.status_code, answer.text
        return answer.json()


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def explained(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Explained]:
    """Run a hub with the demo directory."""
    folder: Path = tmp_path_factory.mktemp("explain")
    await create_demo_directory(folder / "directory.sqlite3")
    keys = write_keys(folder / "services.json", KEYS)
    async with run_hub(
        folder,
        service_keys_file=folder / "services.json",
        directory_url=f"sqlite+aiosqlite:///{folder / 'directory.sqlite3'}",
    ) as hub:
        yield Explained(hub, keys)


def codes(explanation: Any) -> list[str]:
    """Return the reasons that the explanation gives for its user."""
    return [reason["code"] for reason in explanation["user"]["reasons"]]


REFUSED: list[dict[str, Any]] = [
    {"user_id": BUYER, "type": "no_such_type"},
    *({"user_id": BUYER, "type": kind} for kind in sorted(RESERVED_TYPES)),
    {},
    {"everyone": True, "user_id": BUYER},
    {"user_id": BUYER, "ttl_seconds": 400_000_000},
    {"user_id": BUYER, "ttl_seconds": 0},
    {"user_id": BUYER, "type": "cart_updated", "ttl_seconds": 86_401},
    {"user_id": BUYER, "title": None},
    {"user_id": BUYER, "unknown": 1},
    {"user_id": BUYER, "data": [1]},
    {"user_id": BUYER, "data": {"productId": 2**60}},
    {"user_id": BUYER, "timestamp": "2026-11-22T14:03:07"},
    {"user_id": "99999999999"},
    {"user_id": BUYER, "account_id": OTHER_ACCOUNT},
    {"user_id": "a\nb"},
]


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: ",".join(map(str, body)) or "nobody")
async def test_refusal_is_the_one_of_the_publish(explained: Explained, body: dict[str, Any]) -> None:
    """What a publish is refused for, an explanation names: the same problem, member by member, and nobody reached."""
    said = await explained.explain(**body)
    refused = await explained.hub.post("/api/internal/notify", {**ALERT, **body})
    assert (False, refused.json()) == (said["accepted"], said["refusal"])
    assert refused.status_code == said["refusal"]["status"] >= 400
    assert (0, 0, []) == (said["users"], said["connections"]["total"], said.get("targets", []))


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("watcher", {"user_id": BUYER}),
        ("masked", {"everyone": True}),
        ("bound", {"account_id": OTHER_ACCOUNT}),
        ("bound", {"user_id": SELLER}),
        ("bound", {"user_id": SELLER, "account_id": OTHER_ACCOUNT}),
    ],
)
async def test_rights_are_those_of_the_publish(explained: Explained, service: str, body: dict[str, Any]) -> None:
    """What a key may not publish is refused in an explanation with the same problem."""
    said = await explained.explain(service, **body)
    refused = await explained.hub.post("/api/internal/notify", {**ALERT, **body})
    assert refused.json() == said["refusal"]
    assert service == said["service"]


async def test_idempotency_key_is_checked(explained: Explained) -> None:
    """A key that a publish cannot have is the refusal of the explanation, too."""
    headers = {"idempotency-key": "x" * 256}
    said = await explained.explain(user_id=BUYER, headers=headers)
    refused = await explained.hub.post("/api/internal/notify", {**ALERT, "user_id": BUYER}, headers=headers)
    assert refused.json() == said["refusal"]


async def test_nothing_is_published(explained: Explained) -> None:
    """An explanation of what the hub would accept stores nothing and sends nothing."""
    head = explained.hub.hub.log.head
    async with explained.hub.websocket(explained.hub.token(BUYER, ACCOUNT)) as listener:
        said = await explained.explain(user_id=BUYER)
        assert (True, 1, 1) == (said["accepted"], said["users"], said["connections"]["websocket"])
        assert head == explained.hub.hub.log.head
        await explained.hub.publish(title="first", user_id=BUYER)
        assert "first" == (await listener.frame())["title"]


async def test_policy_of_the_type_is_said(explained: Explained) -> None:
    """An explanation has the type's policy, and the end that it sets where the publish says nothing."""
    said = await explained.explain(type="cart_updated", user_id=BUYER)
    assert {"ttl_seconds": 86_400, "inbox": False, "collapse": True}.items() <= said["policy"].items()
    assert "expires_at" in said
    assert "expires_at" not in await explained.explain(type="order_created", user_id=BUYER)
    assert "policy" not in await explained.explain(type="no_such_type", user_id=BUYER)


async def test_targets_are_resolved(explained: Explained) -> None:
    """Users without an account are listed in the one that the directory knows; a shape warns as in a receipt."""
    said = await explained.explain(user_ids=[BUYER, SELLER], data={"currentStock": "three"}, ttl_seconds=60)
    assert [
        {"kind": "user", "account_id": ACCOUNT, "user_id": BUYER},
        {"kind": "user", "account_id": OTHER_ACCOUNT, "user_id": SELLER},
    ] == said["targets"]
    assert ["$.data.currentStock"] == [warning["field"] for warning in said["warnings"]]
    assert said["expires_at"].endswith("Z")


async def test_ids_are_masked(explained: Explained) -> None:
    """A key without `observe_ids` reads no id of a person or a company anywhere in the response."""
    said = await explained.explain("masked", user_id=BUYER, explain_user_id=SELLER)
    assert [{"kind": "user", "account_id": "*" * 12 + "01", "user_id": "*" * 9 + "01"}] == said["targets"]
    assert BUYER not in str(said)
    assert ACCOUNT not in str(said)
    assert SELLER not in str(said)


@pytest.mark.parametrize(
    ("asked", "body", "delivery", "reasons"),
    [
        (BUYER, {"user_id": BUYER}, "on_return", ["not_connected"]),
        (BUYER, {"account_id": ACCOUNT}, "on_return", ["not_connected"]),
        (BUYER, {"everyone": True}, "on_return", ["not_connected"]),
        (SELLER, {"account_id": ACCOUNT}, "no", ["not_addressed"]),
        (COLLEAGUE, {"user_id": BUYER}, "no", ["not_addressed"]),
        (INACTIVE, {"account_id": ACCOUNT}, "no", ["user_inactive"]),
        (SUSPENDED, {"account_id": SUSPENDED_ACCOUNT}, "no", ["account_inactive"]),
        ("99999999999", {"everyone": True}, "no", ["unknown_user"]),
        (BUYER, {"user_id": BUYER, "type": "nonsense"}, "no", ["refused"]),
    ],
)
async def test_why_one_user_gets_it_or_not(
    explained: Explained, asked: str, body: dict[str, Any], delivery: str, reasons: list[str]
) -> None:
    """For a named user the explanation says whether they would get it, and every reason why not."""
    said = await explained.explain(**body, explain_user_id=asked)
    assert (delivery, reasons) == (said["user"]["delivery"], codes(said))


async def test_wrong_account_of_the_question(explained: Explained) -> None:
    """A user asked about in an account that is not theirs is told from one who is not addressed."""
    said = await explained.explain(everyone=True, explain_user_id=BUYER, explain_account_id=OTHER_ACCOUNT)
    assert ("no", ["other_account"]) == (said["user"]["delivery"], codes(said))


async def test_connected_user_gets_it_now(explained: Explained) -> None:
    """A user with a live connection gets it now, over the transport they are connected with."""
    async with explained.hub.events(explained.hub.token(BUYER, ACCOUNT)):
        await explained.hub.wait_until(lambda: len(explained.hub.hub.subscribers) == 1)
        said = await explained.explain(account_id=ACCOUNT, explain_user_id=BUYER)
    assert ("now", ["connected"]) == (said["user"]["delivery"], codes(said))
    assert {"total": 1, "websocket": 0, "sse": 1, "durable_streams": 0} == said["user"]["connections"]


async def test_bound_key_learns_of_no_stranger(explained: Explained) -> None:
    """A key bound to an account gets the same answer for a stranger's customer and for nobody."""
    async with explained.hub.websocket(explained.hub.token(SELLER, OTHER_ACCOUNT)):
        questions: list[dict[str, Any]] = [
            {"explain_user_id": SELLER},
            {"explain_user_id": "99999999999"},
            {"explain_user_id": SELLER, "explain_account_id": OTHER_ACCOUNT},
        ]
        users = [(await explained.explain("bound", account_id=ACCOUNT, **question))["user"] for question in questions]
    assert [users[0]] * 3 == users
    assert ["unknown_user"] == [reason["code"] for reason in users[0]["reasons"]]


async def test_another_service_is_explained(explained: Explained) -> None:
    """A key that reaches every account explains what another service may do; a bound key may not ask."""
    said = await explained.explain("watcher", user_id=BUYER, explain_service="shop")
    assert ("shop", 403, "forbidden") == (said["service"], said["refusal"]["status"], said["refusal"]["code"])
    order: dict[str, Any] = {"type": "order_created", "user_id": BUYER}
    assert (await explained.explain("watcher", **order, explain_service="shop"))["accepted"]
    for service, name, status in (("bound", "shop", 403), ("watcher", "nobody", 400)):
        explained.hub.key = explained.keys[service]
        body = {**ALERT, "user_id": BUYER, "explain_service": name}
        answer = await explained.hub.post("/api/internal/explain", body)
        assert status == answer.status_code


@pytest.mark.parametrize("question", [{"explain_user_id": ""}, {"explain_user_id": 7}, {"explain_account_id": "a\nb"}])
async def test_question_that_cannot_be_used(explained: Explained, question: dict[str, Any]) -> None:
    """A question that cannot be used is a 400 that names its field, not a refusal of the publish."""
    explained.hub.key = explained.keys["full"]
    answer = await explained.hub.post("/api/internal/explain", {**ALERT, "user_id": BUYER, **question})
    (field,) = question
    assert (400, f"$.{field}") == (answer.status_code, answer.json()["field"])


async def test_without_a_directory(tmp_path: Path) -> None:
    """Without a directory a user's account has to be given, and what is not known is never answered no."""
    async with run_hub(tmp_path) as hub:
        told = Explained(hub, {"full": hub.key})
        said = await told.explain(everyone=True, explain_user_id=BUYER)
        assert ("unknown", ["account_not_given"]) == (said["user"]["delivery"], codes(said))
        said = await told.explain(everyone=True, explain_user_id=BUYER, explain_account_id=ACCOUNT)
        assert ("on_return", ["not_connected"]) == (said["user"]["delivery"], codes(said))
        # Of many targets the first hundred are listed, and all are counted.
        said = await told.explain(user_ids=[str(number) for number in range(300)], account_id=ACCOUNT)
        assert (100, 300) == (len(said["targets"]), said["target_count"])
