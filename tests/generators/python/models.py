"""The pydantic models that datamodel-code-generator makes, sent and read with httpx."""

import json
import uuid
from pathlib import Path

import httpx
import hub_models as m
from cases import ACCOUNT, CURSOR, KEY, MESSAGE, TITLE, TOKEN, URL, USER

document = json.loads(Path("openapi.json").read_text(encoding="utf-8"))
publish = document["paths"]["/api/internal/notify"]["post"]["requestBody"]["content"]["application/json"]
#: What a company may declare beside its `service-order:created` is read here too, and not sent.
OTHERS = (
    "service-order:closed",
    "service-order:moved",
    "service-order:split",
    "service-order:seen",
    "service-order:paid",
)
examples = [example["value"] for example in publish["examples"].values() if example["summary"] not in OTHERS]
for example in examples:
    example.update(user_id=USER, account_id=ACCOUNT)
requests = [m.PublishRequest.model_validate(example) for example in examples]


def send(body: m.PublishRequest | m.BatchRequest, path: str = "", *, key: str = KEY, **headers: str) -> httpx.Response:
    content = body.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
    return httpx.post(f"{URL}/api/internal/notify{path}", content=content, headers=headers)


for request in requests:
    receipt = m.Receipt.model_validate_json(send(request).raise_for_status().content)
    print("published", request.root.type, receipt.id)

first = m.PublishRequest(
    m.PublishOrderCreated(
        type="order_created",
        title=TITLE,
        message=MESSAGE,
        data=m.OrderData(orderId=m.OrderId(1234)),
        user_id=m.UserId(USER),
        account_id=m.AccountId(ACCOUNT),
    )
)
once, again = (
    m.Receipt.model_validate_json(send(first, **{"idempotency-key": key}).content) for key in [str(uuid.uuid4())] * 2
)
assert again.duplicate
assert once.id == again.id
print("repeated", again.id)

batch = m.BatchReceipt.model_validate_json(send(m.BatchRequest(notifications=requests[:2]), "/batch").content)
print("batch", *(result.receipt.id for result in batch.results if result.receipt is not None))

untargeted = m.PublishRequest(m.PublishCartUpdated(type="cart_updated", title=TITLE, message=MESSAGE))
for response in (send(untargeted), send(first, key="hubk_stranger")):
    problem = m.Problem.model_validate_json(response.content)
    print("refused", problem.status, problem.code)

answer = httpx.get(f"{URL}/poll", params={"cursor": CURSOR}, headers={"authorization": f"Bearer {TOKEN}"})
page = m.Page.model_validate_json(answer.content)
print("read", *(frame.root.type for frame in page.frames))
