"""Publishes rows over HTTP, one request each, as a service does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from contracts.relay import RelayReport
from hub import routes
from hub.auth.egress import make_egress
from hub.relay.bounds import RelayBounds
from hub.relay.response import TOO_LARGE, is_forbidden, read_response
from hub.relay.row import TIMEOUT, HubAway, Outcome, Row

__all__ = ["Sender"]

#: A body that no hub stores: its response says what the key may do.
_PROBE = b"{}"


class Sender:
    """A service's connections to the hub. `now` tells the time of day in seconds."""

    def __init__(
        self, url: str, key: str, bounds: RelayBounds, *, max_in_flight: int, now: Callable[[], float]
    ) -> None:
        """Prepare the client; nothing is sent.

        Raises:
            SettingsError: the environment asks for a proxy or an authority that cannot be used.
        """
        self._bounds = bounds
        self._now = now
        self._reports = True
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        limits = httpx.Limits(max_connections=max_in_flight, max_keepalive_connections=max_in_flight)
        egress: dict[str, Any] = make_egress(url, what="the hub")
        self._http = httpx.AsyncClient(
            base_url=url, timeout=bounds.publish_s, limits=limits, follow_redirects=False, **egress
        )

    async def send(self, row: Row) -> Outcome:
        """Publish a row under its id and return what became of it; never raises for what a server does."""
        if row.body is None:
            return TOO_LARGE
        outcome = await self._post(row.body, {"idempotency-key": row.id})
        # A key that may publish nothing at all must not make every row dead.
        if is_forbidden(outcome) and (away := await self.check_key()) is not None:
            return away
        return outcome

    async def check_key(self) -> HubAway | None:
        """Return why no row can be published with this key at this address now, or None where one can."""
        outcome = await self._post(_PROBE, {})
        if is_forbidden(outcome):
            return HubAway("forbidden", "the key may not publish: give it `publish` in the hub's HUB_SERVICE_KEYS_FILE")
        if isinstance(outcome, HubAway):
            return outcome
        # The hub said what is wrong with the body, so it let the key in.
        return None

    async def report(self, report: RelayReport) -> None:
        """Tell the hub's operators of this relay; never raises for what a server does.

        A hub that does not know reports is not sent another one.
        """
        if not self._reports:
            return
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError):
            async with (
                asyncio.timeout(self._bounds.report_s),
                self._http.stream(
                    "PUT", routes.RELAY, content=msgspec.json.encode(report), headers=self._headers
                ) as response,
            ):
                self._reports = response.status_code not in {404, 405}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _post(self, body: bytes, headers: dict[str, str]) -> Outcome:
        try:
            # httpx limits each read alone; a response that comes byte by byte would never be late.
            async with (
                asyncio.timeout(self._bounds.publish_s),
                self._http.stream("POST", routes.NOTIFY, content=body, headers=self._headers | headers) as response,
            ):
                content = bytearray()
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > self._bounds.response_bytes:
                        return HubAway(
                            "not_a_hub", "the response is larger than any of a hub: is HUB_URL that of the hub?"
                        )
        except (httpx.TimeoutException, TimeoutError):
            return HubAway(TIMEOUT, f"no response came within {self._bounds.publish_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return HubAway("unreachable", f"the hub cannot be reached ({type(error).__name__})")
        return read_response(response.status_code, response.headers, bytes(content), now_s=self._now())
