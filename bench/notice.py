"""The notification that every contestant delivers: about 400 bytes, the same for all, with the time in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

__all__ = ["ACCOUNT", "batch_body", "delivered_text", "publish_body", "user_claims", "user_id"]

ACCOUNT = "12345678000190"

_COMMON = b'"type":"stock_alert","title":"Estoque baixo","message":"Restam 3 unidades de Tela iPhone 13 Pro em estoque"'
_DATA = b'"data":{"ts":@TS@,"productId":"prd_8812","productName":"Tela iPhone 13 Pro","currentStock":3,"minStock":5}'


def user_id(number: int) -> str:
    """Return the id of the user with this number."""
    return f"{number:011d}"


def user_claims(number: int, *, now_s: int, series: int) -> dict[str, object]:
    """Return the claims of this user's token as AvAdmin issues it; another series, another token."""
    return {
        "sub": user_id(number),
        "user_id": user_id(number),
        "account_id": ACCOUNT,
        "role": "user",
        "enabled_modules": ["stocktech", "avcommerce"],
        "whatsapp_verified": True,
        "iat": now_s,
        "exp": now_s + 86_400 + series,
    }


def publish_body(target: Mapping[str, object]) -> bytes:
    """Return what a service posts to the hub; `@TS@` stands where the time goes."""
    return b"{%b,%b,%b}" % (msgspec.json.encode(dict(target))[1:-1], _COMMON, _DATA)


def batch_body(targets: Sequence[Mapping[str, object]]) -> bytes:
    """Return a batch with one notification for each target."""
    return b'{"notifications":[%b]}' % b",".join(publish_body(target) for target in targets)


def delivered_text() -> bytes:
    """Return what the hub's subscribers receive; the others, which add nothing, are given it ready-made."""
    return (
        b'{%b,%b,"timestamp":"2026-01-01T12:00:00.000000Z","id":"00000000-0000-4000-8000-000000000000",'
        b'"cursor":"aaaaaaaaaa-zzzz"}'
    ) % (_COMMON, _DATA)
