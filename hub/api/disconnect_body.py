"""The body of `POST /api/internal/disconnect`: whose connections to close. Pure."""

from __future__ import annotations

import msgspec

from contracts.request import DisconnectRequest
from hub.errors import ConflictingTargets, NoTarget
from hub.publish.json_body import decode_body, strip_bom

__all__ = ["parse_disconnect"]

_decoder = msgspec.json.Decoder(DisconnectRequest)


def parse_disconnect(body: bytes) -> DisconnectRequest:
    """Return the request to close connections; exactly one of user, account, token and jti is given.

    Raises:
        InvalidJson, TooDeep, InvalidField: as for a publish.
        NoTarget, ConflictingTargets: it names none of them, or more than one.
    """
    request = decode_body(_decoder, strip_bom(body))
    people = request.user_id is not None or request.account_id is not None
    given = people + (request.token is not None) + (request.jti is not None)
    if given == 0:
        raise NoTarget("Name a user, an account, a token's digest or a jti")
    if given > 1:
        raise ConflictingTargets("Name exactly one of: a user or an account, a token's digest, a jti")
    return request
