"""An example of every message, for the document and for whoever reads it; all names are invented.

The built-in types have texts of their own. For a company's type an example is made from its schema,
with the `examples` its fields give; one that would not pass the type's own check is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.closing import CloseCode
from contracts.frame import (
    AuthAccepted,
    Closing,
    ConnectionData,
    ConnectionEstablished,
    Gap,
    GapData,
    Heartbeat,
    Reconnect,
)

__all__ = ["frame_example", "notification_example", "publish_example"]

MOMENT = "2026-11-22T14:03:07.125Z"
CURSOR = "k3v9q2m7xa-1z8"
NOTIFICATION_ID = "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77"
_TARGET = {"user_id": "usuario-1", "account_id": "conta-1"}

_ORDER = {"orderId": 1234, "orderCode": "PED-1234", "items": [{"productId": 77, "name": "Caixa 30x20", "quantity": 2}]}
_PRODUCT = {"productId": 77, "productName": "Caixa 30x20"}
_STOCK = {**_PRODUCT, "currentStock": 3, "minStock": 5}

_BUILT_IN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "order_created": ("Novo pedido", "O pedido PED-1234 foi criado.", {**_ORDER, "total": "R$ 59,80"}),
    "payment_confirmed": ("Pagamento confirmado", "O pagamento do pedido PED-1234 foi confirmado.", _ORDER),
    "order_updated": (
        "Pedido enviado",
        "O pedido PED-1234 está a caminho.",
        {"orderId": 1234, "orderCode": "PED-1234", "status": "shipped", "trackingCode": "BR123456789"},
    ),
    "stock_alert": (
        "Estoque baixo",
        "Restam 3 unidades de Caixa 30x20.",
        {**_PRODUCT, "currentStock": 3, "minStock": 5},
    ),
    "cart_updated": ("Carrinho atualizado", "Seu carrinho tem 2 itens.", {"itemCount": 2}),
    "product_added": ("Produto adicionado", "Caixa 30x20 foi adicionado ao catálogo.", _PRODUCT),
    "product_updated": ("Produto atualizado", "Caixa 30x20 foi atualizado.", _PRODUCT),
    "product_deleted": ("Produto removido", "Caixa 30x20 foi removido do catálogo.", _PRODUCT),
    "transaction_created": ("Nova transação", "Uma transação de R$ 59,80 foi registrada.", {"transactionId": 981}),
    "profile_updated": ("Perfil atualizado", "Seus dados foram atualizados.", {"fields": ["phone"]}),
    "return_requested": ("Devolução solicitada", "O comprador pediu a devolução do pedido PED-1234.", {"returnId": 41}),
    "return_responded": (
        "Devolução respondida",
        "O vendedor respondeu à sua devolução.",
        {"returnId": 41, "accepted": True},
    ),
    "replacement_sent": ("Reposição enviada", "A reposição do pedido PED-1234 foi enviada.", {"returnId": 41}),
    "defective_received": ("Item recebido", "O vendedor recebeu o item com defeito.", {"returnId": 41}),
    "exchange_validated": ("Troca validada", "Sua troca foi validada.", {"exchangeId": 12}),
    "exchange_resolved": ("Troca concluída", "A troca do pedido PED-1234 foi concluída.", {"exchangeId": 12}),
}

_CONTROL: tuple[msgspec.Struct, ...] = (
    ConnectionEstablished(
        data=ConnectionData(connection_id="pVb2yS0lq9xw", resume="replayed", cursor=CURSOR, heartbeat_seconds=30),
        timestamp=MOMENT,
    ),
    Gap(data=GapData(cursor=CURSOR), timestamp=MOMENT),
    Heartbeat(cursor=CURSOR),
    Reconnect(within_seconds=20),
    Closing(code=CloseCode.TOKEN_EXPIRED, reason="the token has expired"),
    AuthAccepted(expires_at=MOMENT),
)


def publish_example(tag: str, schema: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a publisher might send for this type, or None where none can be made."""
    content = _content(tag, schema, components)
    return None if content is None else {**content, **_TARGET}


def notification_example(tag: str, schema: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a subscriber might receive of this type, or None where none can be made."""
    content = _content(tag, schema, components)
    return None if content is None else {**content, "timestamp": MOMENT, "id": NOTIFICATION_ID, "cursor": CURSOR}


def frame_example(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what a control frame of this kind might look like."""
    frame = next(frame for frame in _CONTROL if type(frame) is kind)
    example: dict[str, Any] = msgspec.to_builtins(frame)
    return example


def _content(tag: str, schema: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any] | None:
    if tag in _BUILT_IN:
        title, message, data = _BUILT_IN[tag]
        return {"type": tag, "title": title, "message": message, "data": data}
    content = {"type": tag, "title": "Título", "message": "Mensagem"}
    if "data" not in schema["properties"]:
        return content
    try:
        return {**content, "data": _sample(schema["properties"]["data"], components)}
    except _NoSampleError:
        return None


class _NoSampleError(Exception):
    """A schema asks for something that cannot be guessed, such as text of a pattern."""


def _sample(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """Return a value that `schema` accepts."""
    if "$ref" in schema:
        return _sample(components[schema["$ref"].rpartition("/")[2]], components)
    for given in ("examples", "enum"):
        if schema.get(given):
            return schema[given][0]
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return _sample(schema[union][0], components)
    if schema.get("type") == "object":
        required = schema.get("required", [])
        return {name: _sample(schema["properties"][name], components) for name in required}
    return _sample_scalar(schema)


def _sample_scalar(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "array" and not schema.get("minItems"):
        return []
    if kind == "string" and not schema.keys() & {"pattern", "format", "minLength", "maxLength"}:
        return "texto"
    if kind in {"integer", "number"} and not schema.keys() & {"exclusiveMinimum", "exclusiveMaximum", "multipleOf"}:
        low, high = schema.get("minimum", 1), schema.get("maximum", 1)
        return low if low > 1 else min(1, high)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    raise _NoSampleError
