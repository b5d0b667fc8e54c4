"""The paths the hub answers, each written once: the handlers, the documents, the commands and the edge read them here.

A path is part of the public API (`openapi/released/`): it does not change.
"""

from __future__ import annotations

__all__ = [
    "ACK",
    "ASYNCAPI",
    "CONNECTIONS",
    "CONSOLE",
    "CONSOLE_SCRIPT",
    "CONSOLE_STYLE",
    "DISCONNECT",
    "EVENT_STREAM",
    "EXPLAIN",
    "FORGET",
    "FRAMES_SCHEMA",
    "FRONT",
    "INBOX",
    "LIVE",
    "METRICS",
    "NOTIFY",
    "NOTIFY_BATCH",
    "OBSERVE",
    "OPENAPI",
    "OPENAPI_30",
    "POLL",
    "PREFERENCES",
    "PUSH",
    "PUSH_FIGURES",
    "READY",
    "RELAY",
    "SCHEMA",
    "SIGNAL",
    "STATS",
    "STREAM",
    "TICKET",
    "TRACE",
    "WEBHOOKS",
    "WEBHOOK_REPEAT",
    "WEBSOCKET",
]

# Receiving.
WEBSOCKET = "/ws"
EVENT_STREAM = "/sse"
POLL = "/poll"
STREAM = "/streams/me"
TICKET = "/api/ticket"
INBOX = "/api/inbox"
PREFERENCES = "/api/preferences"
PUSH = "/api/push"
ACK = "/api/ack"

# Publishing and operating, for services.
NOTIFY = "/api/internal/notify"
NOTIFY_BATCH = "/api/internal/notify/batch"
SIGNAL = "/api/internal/signal"
STATS = "/api/internal/ws-stats"
DISCONNECT = "/api/internal/disconnect"
EXPLAIN = "/api/internal/explain"
FORGET = "/api/internal/forget"
OBSERVE = "/api/internal/observe"
CONNECTIONS = "/api/internal/connections"
PUSH_FIGURES = "/api/internal/push"
WEBHOOKS = "/api/internal/webhooks"
WEBHOOK_REPEAT = "/api/internal/webhooks/{id}/repeat"
RELAY = "/api/internal/relay"
TRACE = "/api/internal/notifications/{id}"

# For operators and their machines.
LIVE = "/health/live"
READY = "/health/ready"
METRICS = "/metrics"
CONSOLE = "/console"
CONSOLE_SCRIPT = "/console/console.js"
CONSOLE_STYLE = "/console/console.css"

# What describes the hub.
FRONT = "/"
SCHEMA = "/schema"
OPENAPI = "/schema/openapi.json"
OPENAPI_30 = "/schema/openapi-3.0.json"
ASYNCAPI = "/schema/asyncapi.json"
FRAMES_SCHEMA = "/schema/frames.json"
