"""`/api/inbox`: what a user has received, and what the user made of it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import parse_qs

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from contracts.identifier import CursorText
from contracts.inbox import (
    DEFAULT_INBOX_PAGE,
    MAX_INBOX_IDS,
    MAX_INBOX_PAGE,
    InboxChange,
    InboxCount,
    InboxNotifications,
)
from hub import routes
from hub.allowance import Allowance
from hub.api.options import make_options_route
from hub.api.request import NO_STORE, AnyRequest, read_json_body
from hub.auth.admission import Admission
from hub.auth.grant import Grant
from hub.errors import BadRequest, InboxOff, InvalidField
from hub.inbox.inboxes import Inboxes, PageRequest
from hub.publish.json_body import decode_body, strip_bom
from hub.target import user_target

__all__ = ["make_inbox_routes"]

#: No client of ours sends more than seven.
_MAX_QUERY_FIELDS = 32


class _Query(msgspec.Struct, kw_only=True):
    """The parameters of a page, as the query has them: text, the last of each name. Others are passed over."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_INBOX_PAGE)] = DEFAULT_INBOX_PAGE
    before: CursorText | None = None
    type: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    unread: Literal["true", "false"] = "false"
    archived: Literal["true", "false"] = "false"


_decode_change = msgspec.json.Decoder(InboxChange)


def make_inbox_routes(
    inboxes: Inboxes | None, admission: Admission, bodies: Allowance, *, max_body_bytes: int, body_timeout_s: float
) -> list[HTTPRouteHandler]:
    """Return the handlers that show and change the inbox of a token's user, or say that the hub keeps none."""

    async def open_inbox(request: AnyRequest) -> tuple[Inboxes, Grant]:
        grant = await admission.admit(request.scope["headers"], request.scope["query_string"])
        if inboxes is None:
            raise InboxOff
        return inboxes, grant

    @get(routes.INBOX, operation_id="getInbox", response_headers=NO_STORE)
    async def show(request: AnyRequest) -> InboxNotifications:
        found, grant = await open_inbox(request)
        query = _read_query(request.scope["query_string"])
        asked = PageRequest(query.limit, query.before, query.type, query.unread == "true", query.archived == "true")
        return await found.list_page(grant, asked)

    @post(routes.INBOX, status_code=200, operation_id="changeInbox", response_headers=NO_STORE)
    async def change(request: AnyRequest) -> InboxCount:
        found, grant = await open_inbox(request)
        with bodies.share(user_target(grant.account_id, grant.user_id)) as share:
            body = await read_json_body(
                request.scope["headers"],
                request.receive,
                limit_bytes=max_body_bytes,
                timeout_s=body_timeout_s,
                share=share,
            )
            asked = decode_body(_decode_change, strip_bom(body))
            if len(asked.read) + len(asked.unread) + len(asked.archive) > MAX_INBOX_IDS:
                raise InvalidField(f"One change may name {MAX_INBOX_IDS} notifications", field="$")
            return await found.change(grant, asked)

    return [make_options_route(routes.INBOX, "GET", "HEAD", "POST"), show, change]


def _read_query(query: bytes) -> _Query:
    try:
        values = parse_qs(query.decode("latin-1"), max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        raise BadRequest(f"A query may have {_MAX_QUERY_FIELDS} fields") from None
    last = {name: each[-1] for name, each in values.items() if name in _Query.__struct_fields__}
    for name, text in last.items():
        try:
            msgspec.convert({name: text}, _Query, strict=False)
        except msgspec.ValidationError as error:
            # msgspec's words name the rule, and no value that anybody sent.
            raise InvalidField(str(error).partition(" - ")[0], field=name) from None
    return msgspec.convert(last, _Query, strict=False)
