"""The two transports that are measured, by the names that the load tool and the tables have for them."""

from __future__ import annotations

__all__ = ["TRANSPORTS"]

TRANSPORTS = {"ws": "WebSocket", "sse": "SSE"}
