"""AvelarSys's notification types: the company module that the hub loads unless `HUB_CONTRACTS` names others.

It is written as any company writes its own: `data` structs, one class for each type, and an example of each, in the
words that people read. `data` is camelCase on the wire. Every field may be missing, and null counts as missing,
because publishers take these values from database rows. Fields not named here are allowed and reach the subscriber
untouched; so does a field of another shape than the one here, of which the publisher is told. A reader must be ready
for both.

Their policies: `order_created` and `payment_confirmed` are mandatory, because another person waits for what the
receiver does next (packs, ships), and no setting of a bell may keep an order from a seller. All else may be muted. No
type has a default `confirm`: only a service that takes the hub's webhook can do something about an order that nobody
saw, so it asks for it in its publish. `cart_updated` is for an open page: it is not in the inbox, and useless the next
day. Types that tell of one thing's newest state allow a `collapse_key`, such as the order's id. What somebody has to
act on is pushed; what a user did just now is not.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from contracts.data import FreeData
from contracts.identifier import Amount, Identifier, Number
from contracts.notification import Example, Notification
from contracts.policy import PushUrgency
from contracts.signal import Signal

__all__ = [
    "CartUpdated",
    "CustomersUpdated",
    "DefectiveReceived",
    "ExchangeResolved",
    "ExchangeValidated",
    "ListChange",
    "OrderCreated",
    "OrderData",
    "OrderUpdateData",
    "OrderUpdated",
    "OrdersUpdated",
    "PaymentConfirmed",
    "ProductAdded",
    "ProductData",
    "ProductDeleted",
    "ProductUpdated",
    "ProductsUpdated",
    "ProfileUpdated",
    "ReplacementSent",
    "ReturnRequested",
    "ReturnResponded",
    "StockAlert",
    "StockData",
    "TransactionCreated",
]

_ORDER = {"orderId": 1234, "orderCode": "PED-1234", "items": [{"productId": 77, "name": "Caixa 30x20", "quantity": 2}]}
_PRODUCT = {"productId": 77, "productName": "Caixa 30x20"}


class OrderData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """An order, as buyer and seller are told of it; `total` goes to the seller."""

    order_id: Identifier | UnsetType | None = UNSET
    order_code: Identifier | UnsetType | None = UNSET
    items: list[Any] | UnsetType | None = UNSET
    total: Amount | UnsetType | None = UNSET


class OrderUpdateData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """An order's new status: `processing`, `shipped`, `delivered`, `cancelled` or another word."""

    order_id: Identifier | UnsetType | None = UNSET
    order_code: Identifier | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    tracking_code: Identifier | UnsetType | None = UNSET
    items: list[Any] | UnsetType | None = UNSET


class StockData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A product whose stock is low."""

    product_id: Identifier | UnsetType | None = UNSET
    product_name: str | UnsetType | None = UNSET
    current_stock: Number | UnsetType | None = UNSET
    min_stock: Number | UnsetType | None = UNSET


class ProductData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A product that came, changed or went."""

    product_id: Identifier | UnsetType | None = UNSET
    product_name: str | UnsetType | None = UNSET


class OrderCreated(Notification, tag="order_created"):
    """Sent to buyer and seller when an order has been placed."""

    mandatory: ClassVar[bool] = True
    push: ClassVar[PushUrgency] = "high"
    example: ClassVar[Example] = {
        "title": "Novo pedido",
        "message": "O pedido PED-1234 foi criado.",
        "data": {**_ORDER, "total": "R$ 59,80"},
    }

    data: OrderData | UnsetType = UNSET


class PaymentConfirmed(Notification, tag="payment_confirmed"):
    """Sent to buyer and seller when an order has been paid."""

    mandatory: ClassVar[bool] = True
    push: ClassVar[PushUrgency] = "high"
    example: ClassVar[Example] = {
        "title": "Pagamento confirmado",
        "message": "O pagamento do pedido PED-1234 foi confirmado.",
        "data": _ORDER,
    }

    data: OrderData | UnsetType = UNSET


class OrderUpdated(Notification, tag="order_updated"):
    """Sent to the buyer when an order's status changes."""

    collapse: ClassVar[bool] = True
    push: ClassVar[PushUrgency] = "normal"
    example: ClassVar[Example] = {
        "title": "Pedido enviado",
        "message": "O pedido PED-1234 está a caminho.",
        "data": {"orderId": 1234, "orderCode": "PED-1234", "status": "shipped", "trackingCode": "BR123456789"},
    }

    data: OrderUpdateData | UnsetType = UNSET


class StockAlert(Notification, tag="stock_alert"):
    """Sent to the seller when a product's stock falls to its minimum."""

    collapse: ClassVar[bool] = True
    push: ClassVar[PushUrgency] = "normal"
    example: ClassVar[Example] = {
        "title": "Estoque baixo",
        "message": "Restam 3 unidades de Caixa 30x20.",
        "data": {**_PRODUCT, "currentStock": 3, "minStock": 5},
    }

    data: StockData | UnsetType = UNSET


class CartUpdated(Notification, tag="cart_updated"):
    """Sent to a user when their cart changes."""

    ttl_seconds: ClassVar[int] = 86_400
    inbox: ClassVar[bool] = False
    collapse: ClassVar[bool] = True
    example: ClassVar[Example] = {
        "title": "Carrinho atualizado",
        "message": "Seu carrinho tem 2 itens.",
        "data": {"itemCount": 2},
    }

    data: FreeData | UnsetType = UNSET


class ProductAdded(Notification, tag="product_added"):
    """Sent to the seller when a product joins the catalogue."""

    example: ClassVar[Example] = {
        "title": "Produto adicionado",
        "message": "O produto Caixa 30x20 foi adicionado ao catálogo.",
        "data": _PRODUCT,
    }

    data: ProductData | UnsetType = UNSET


class ProductUpdated(Notification, tag="product_updated"):
    """Sent to the seller when a product in the catalogue changes."""

    collapse: ClassVar[bool] = True
    example: ClassVar[Example] = {
        "title": "Produto atualizado",
        "message": "O produto Caixa 30x20 foi atualizado.",
        "data": _PRODUCT,
    }

    data: ProductData | UnsetType = UNSET


class ProductDeleted(Notification, tag="product_deleted"):
    """Sent to the seller when a product leaves the catalogue."""

    example: ClassVar[Example] = {
        "title": "Produto removido",
        "message": "O produto Caixa 30x20 foi removido do catálogo.",
        "data": _PRODUCT,
    }

    data: ProductData | UnsetType = UNSET


class TransactionCreated(Notification, tag="transaction_created"):
    """Sent to a user when a transaction is entered in their books."""

    push: ClassVar[PushUrgency] = "low"
    example: ClassVar[Example] = {
        "title": "Nova transação",
        "message": "Uma transação de R$ 59,80 foi registrada.",
        "data": {"transactionId": 981},
    }

    data: FreeData | UnsetType = UNSET


class ProfileUpdated(Notification, tag="profile_updated"):
    """Sent to a user when their profile changes."""

    collapse: ClassVar[bool] = True
    push: ClassVar[PushUrgency] = "low"
    example: ClassVar[Example] = {
        "title": "Perfil atualizado",
        "message": "Seus dados foram atualizados.",
        "data": {"fields": ["phone"]},
    }

    data: FreeData | UnsetType = UNSET


class ReturnRequested(Notification, tag="return_requested"):
    """Sent to the seller when a buyer asks to return something."""

    push: ClassVar[PushUrgency] = "normal"
    example: ClassVar[Example] = {
        "title": "Devolução solicitada",
        "message": "O comprador pediu a devolução do pedido PED-1234.",
        "data": {"returnId": 41},
    }

    data: FreeData | UnsetType = UNSET


class ReturnResponded(Notification, tag="return_responded"):
    """Sent to the buyer when the seller responds to a return: `data.status` says whether it was accepted or refused."""

    push: ClassVar[PushUrgency] = "normal"
    example: ClassVar[Example] = {
        "title": "Devolução respondida",
        "message": "O vendedor respondeu à sua devolução.",
        "data": {"returnId": 41, "accepted": True},
    }

    data: FreeData | UnsetType = UNSET


class ReplacementSent(Notification, tag="replacement_sent"):
    """Sent to the buyer when a replacement is on its way."""

    push: ClassVar[PushUrgency] = "normal"
    example: ClassVar[Example] = {
        "title": "Reposição enviada",
        "message": "A reposição do pedido PED-1234 foi enviada.",
        "data": {"returnId": 41},
    }

    data: FreeData | UnsetType = UNSET


class DefectiveReceived(Notification, tag="defective_received"):
    """Sent to the buyer when the seller has received the defective item."""

    push: ClassVar[PushUrgency] = "low"
    example: ClassVar[Example] = {
        "title": "Item recebido",
        "message": "O vendedor recebeu o item com defeito.",
        "data": {"returnId": 41},
    }

    data: FreeData | UnsetType = UNSET


class ExchangeValidated(Notification, tag="exchange_validated"):
    """Sent to the buyer when an exchange has been checked: `data.status` says whether it was approved or refused."""

    push: ClassVar[PushUrgency] = "normal"
    example: ClassVar[Example] = {
        "title": "Troca validada",
        "message": "Sua troca foi validada.",
        "data": {"exchangeId": 12},
    }

    data: FreeData | UnsetType = UNSET


class ExchangeResolved(Notification, tag="exchange_resolved"):
    """Sent to the seller when an exchange is closed: `data.status` says whether it was paid for or sent back."""

    push: ClassVar[PushUrgency] = "normal"
    example: ClassVar[Example] = {
        "title": "Troca concluída",
        "message": "A troca do pedido PED-1234 foi concluída.",
        "data": {"exchangeId": 12},
    }

    data: FreeData | UnsetType = UNSET


class ListChange(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What changed in a list, so that a page fetches it again: `action` is `created`, `updated`, `deleted` or so."""

    id: Identifier | UnsetType | None = UNSET
    action: str | UnsetType | None = UNSET


class OrdersUpdated(Signal, tag="orders:updated"):
    """Sent to an account when one of its orders in AxCellOS changes."""

    example: ClassVar[Example] = {"data": {"id": 1234, "action": "updated"}}

    data: ListChange | UnsetType = UNSET


class CustomersUpdated(Signal, tag="customers:updated"):
    """Sent to an account when one of its customers in AxCellOS changes."""

    example: ClassVar[Example] = {"data": {"id": 77, "action": "created"}}

    data: ListChange | UnsetType = UNSET


class ProductsUpdated(Signal, tag="products:updated"):
    """Sent to an account when one of its products in AxCellOS changes."""

    example: ClassVar[Example] = {"data": {"id": 5, "action": "deleted"}}

    data: ListChange | UnsetType = UNSET
