"""`POST /api/ticket`: a one-use stand-in for a token, for URLs."""

from __future__ import annotations

from litestar import post
from litestar.handlers import HTTPRouteHandler

from contracts.receipt import Ticket
from hub import routes
from hub.api.request import NO_STORE, AnyRequest
from hub.auth.admission import Admission
from hub.auth.origin import find_origin

__all__ = ["make_ticket_routes"]


def make_ticket_routes(admission: Admission, *, ttl_s: int) -> list[HTTPRouteHandler]:
    """Return the handler that issues tickets to users; the token comes in the header, never in the URL."""

    @post(routes.TICKET, status_code=201, operation_id="issueTicket", response_headers=NO_STORE)
    async def ticket(request: AnyRequest) -> Ticket:
        headers = request.scope["headers"]
        # Without the query: a token in this URL would defeat the purpose.
        grant = await admission.admit(headers, b"", takes_tickets=False)
        return Ticket(ticket=admission.issue_ticket(grant, origin=find_origin(headers)), expires_in=ttl_s)

    return [ticket]
