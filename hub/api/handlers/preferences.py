"""`/api/preferences`: which types a user has muted."""

from __future__ import annotations

import msgspec
from litestar import HttpMethod, route
from litestar.handlers import HTTPRouteHandler

from contracts.preferences import Preferences as View
from contracts.preferences import PreferencesRequest
from hub import routes
from hub.allowance import Allowance
from hub.api.request import NO_STORE, AnyRequest, read_json_body
from hub.auth.admission import Admission
from hub.delivery.preferences import Preferences
from hub.publish.json_body import decode_body, strip_bom
from hub.target import user_target

__all__ = ["make_preferences_routes"]

_decoder = msgspec.json.Decoder(PreferencesRequest)


def make_preferences_routes(
    preferences: Preferences, admission: Admission, bodies: Allowance, *, max_body_bytes: int, body_timeout_s: float
) -> list[HTTPRouteHandler]:
    """Return the handler that shows and changes what the user of a token has muted."""

    # One handler: of two, the framework would name only the first one's method in `Allow`.
    @route(routes.PREFERENCES, http_method=[HttpMethod.GET, HttpMethod.PUT], status_code=200, response_headers=NO_STORE)
    async def show_or_change(request: AnyRequest) -> View:
        headers = request.scope["headers"]
        grant = await admission.admit(headers, request.scope["query_string"])
        user = user_target(grant.account_id, grant.user_id)
        if request.method == HttpMethod.PUT:
            with bodies.share(user) as share:
                body = await read_json_body(
                    headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
                )
                asked = decode_body(_decoder, strip_bom(body))
            await preferences.mute(user, asked.muted)
        return preferences.view(user)

    return [show_or_change]
