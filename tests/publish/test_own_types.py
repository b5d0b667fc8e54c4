"""A hub of a company that is not AvelarSys: its own types, and nobody else's."""

from __future__ import annotations

from pathlib import Path

from tests.harness import ACCOUNT, USER, run_hub

COMPANY = "tests.contracts.company"


async def test_a_company_s_hub_knows_its_own_types_alone(tmp_path: Path) -> None:
    """Its types are delivered, those of AvelarSys are unknown, and its document names no other company's."""
    async with run_hub(tmp_path, contracts=(COMPANY,)) as hub, hub.websocket() as listener:
        accepted = await hub.publish(type="service-order:created", data={"serviceOrderId": 7})
        assert 202 == accepted.status_code
        assert "service-order:created" == (await listener.frame())["type"]
        refused = await hub.publish(type="order_created")
        assert (400, "unknown_type") == (refused.status_code, refused.json()["code"])
        known = refused.json()["known"]
        assert "service-order:created" in known
        assert all(tag.startswith("service-order:") for tag in known)
        schemas = (await hub.http.get("/schema/openapi.json")).json()["components"]["schemas"]
        assert "PublishServiceOrderCreated" in schemas
        assert not {"OrderCreated", "OrderData", "StockAlert"} & schemas.keys()


async def test_a_company_s_types_stand_beside_those_of_avelarsys(tmp_path: Path) -> None:
    """Both modules named: both are delivered, to the same connection."""
    async with run_hub(tmp_path, contracts=("contracts.avelarsys", COMPANY)) as hub, hub.websocket() as listener:
        for kind in ("order_created", "service-order:closed"):
            assert 202 == (await hub.publish(type=kind, user_id=USER, account_id=ACCOUNT)).status_code
        assert ["order_created", "service-order:closed"] == [frame["type"] for frame in await listener.frames(2)]


async def test_documents_of_a_company_hold_no_word_of_another(tmp_path: Path) -> None:
    """Neither the documents of a company's hub nor their examples name AvelarSys or its things."""
    foreign = ("avelar", "avadmin", "stocktech", "pedido", "order_created", "cart_updated", "conectado")
    async with run_hub(tmp_path, contracts=(COMPANY,), language="en") as hub:
        for name in ("openapi.json", "openapi-3.0.json", "asyncapi.json", "frames.json"):
            text = (await hub.http.get(f"/schema/{name}")).text.lower()
            assert [] == [word for word in foreign if word in text], name
