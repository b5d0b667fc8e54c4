"""The client that openapi-python-client makes."""

import uuid

from cases import ACCOUNT, CURSOR, ITEMS, KEY, MESSAGE, TITLE, TOKEN, URL, USER
from hub_client import AuthenticatedClient
from hub_client import models as m
from hub_client.api.publish import publish_batch, publish_notification
from hub_client.api.receive import poll_frames
from hub_client.types import Unset


def order() -> m.OrderData:
    return m.OrderData(order_id=1234, order_code="PED-1234", items=list(ITEMS))


def product() -> m.ProductData:
    return m.ProductData(product_id=77, product_name="Caixa 30x20")


sold = order()
sold.total = "R$ 59,80"
shipped = m.OrderUpdateData(order_id=1234, order_code="PED-1234", status="shipped", tracking_code="BR123456789")
low = m.StockData(product_id=77, product_name="Caixa 30x20", current_stock=3, min_stock=5)
created = m.PublishOrderCreated("order_created", TITLE, MESSAGE, sold)
# The list in it has the type of all requests.
everything = m.BatchRequest(
    [
        created,
        m.PublishPaymentConfirmed("payment_confirmed", TITLE, MESSAGE, order()),
        m.PublishOrderUpdated("order_updated", TITLE, MESSAGE, shipped),
        m.PublishStockAlert("stock_alert", TITLE, MESSAGE, low),
        m.PublishCartUpdated("cart_updated", TITLE, MESSAGE, m.PublishCartUpdatedDataType0.from_dict({"itemCount": 2})),
        m.PublishProductAdded("product_added", TITLE, MESSAGE, product()),
        m.PublishProductUpdated("product_updated", TITLE, MESSAGE, product()),
        m.PublishProductDeleted("product_deleted", TITLE, MESSAGE, product()),
        m.PublishTransactionCreated(
            "transaction_created",
            TITLE,
            MESSAGE,
            m.PublishTransactionCreatedDataType0.from_dict({"transactionId": 981}),
        ),
        m.PublishProfileUpdated(
            "profile_updated", TITLE, MESSAGE, m.PublishProfileUpdatedDataType0.from_dict({"fields": ["phone"]})
        ),
        m.PublishReturnRequested(
            "return_requested", TITLE, MESSAGE, m.PublishReturnRequestedDataType0.from_dict({"returnId": 41})
        ),
        m.PublishReturnResponded(
            "return_responded",
            TITLE,
            MESSAGE,
            m.PublishReturnRespondedDataType0.from_dict({"returnId": 41, "accepted": True}),
        ),
        m.PublishReplacementSent(
            "replacement_sent", TITLE, MESSAGE, m.PublishReplacementSentDataType0.from_dict({"returnId": 41})
        ),
        m.PublishDefectiveReceived(
            "defective_received", TITLE, MESSAGE, m.PublishDefectiveReceivedDataType0.from_dict({"returnId": 41})
        ),
        m.PublishExchangeValidated(
            "exchange_validated", TITLE, MESSAGE, m.PublishExchangeValidatedDataType0.from_dict({"exchangeId": 12})
        ),
        m.PublishExchangeResolved(
            "exchange_resolved", TITLE, MESSAGE, m.PublishExchangeResolvedDataType0.from_dict({"exchangeId": 12})
        ),
        m.PublishServiceOrderCreated("service-order:created", TITLE, MESSAGE, m.ServiceOrderData(service_order_id=1)),
    ]
)
requests = everything.notifications

service = AuthenticatedClient(base_url=URL, token=KEY)
for request in requests:
    request.user_id, request.account_id = USER, ACCOUNT
    receipt = publish_notification.sync(client=service, body=request)
    assert isinstance(receipt, m.Receipt), receipt
    print("published", request.type_, receipt.id)

key = str(uuid.uuid4())
once = publish_notification.sync(client=service, body=created, idempotency_key=key)
again = publish_notification.sync(client=service, body=created, idempotency_key=key)
assert isinstance(once, m.Receipt)
assert isinstance(again, m.Receipt)
assert again.duplicate
assert once.id == again.id
print("repeated", again.id)

batch = publish_batch.sync(client=service, body=m.BatchRequest(requests[:2]))
assert isinstance(batch, m.BatchReceipt)
receipts = [result.receipt for result in batch.results]
print("batch", *(receipt.id for receipt in receipts if not isinstance(receipt, Unset)))

untargeted = m.PublishCartUpdated("cart_updated", TITLE, MESSAGE)
refused = publish_notification.sync(client=service, body=untargeted)
assert isinstance(refused, m.Problem)
print("refused", refused.status, refused.code)
stranger = AuthenticatedClient(base_url=URL, token="hubk_stranger")
unknown = publish_notification.sync(client=stranger, body=created)
assert isinstance(unknown, m.Problem)
print("refused", unknown.status, unknown.code)

page = poll_frames.sync(client=AuthenticatedClient(base_url=URL, token=TOKEN), cursor=CURSOR)
assert isinstance(page, m.Page), page
print("read", *(frame.type_ for frame in page.frames))
