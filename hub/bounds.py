"""The hub's fixed bounds: what no operator has to choose, in one table.

`hub.settings` has what differs between deployments. What is here is the same in all of them, and a test that needs a
small one passes its own.
"""

from __future__ import annotations

import msgspec

__all__ = ["Bounds"]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Every deadline and limit that more than one test or room has to know. Units are in the names."""

    # HTTP connections
    #: From the first byte expected (or the connection made) to the end of the headers.
    head_timeout_s: float = 10.0
    #: From the end of the headers to the end of the body.
    body_timeout_s: float = 15.0
    #: How long a body may take before the application is told of its request; most come with the head, or right after.
    body_patience_s: float = 0.05
    #: How long a peer may take nothing of a response that waits for it.
    stall_timeout_s: float = 15.0
    #: How long an idle connection is kept where there are too many.
    short_keep_alive_s: float = 5.0
    #: Connections beyond those that stay; with more, idle ones are kept for a moment only, since descriptors end.
    requests_beside: int = 128
    #: Connections of the metrics' own port: one machine that scrapes holds one.
    metrics_connections: int = 32
    #: What the kernel may hold for a peer; Linux doubles it for its own book-keeping.
    send_buffer_bytes: int = 131_072
    #: What requests in flight may still take after the drain.
    grace_s: int = 5

    # Lasting connections
    #: How long a peer may take to answer a close before the connection is aborted.
    close_timeout_s: float = 5.0
    #: One message of a WebSocket: nothing a client says is longer than a token. A longer one breaks the protocol.
    max_message_bytes: int = 65_536
    #: What a message of hub.v1 has at most: a token of 8 KiB. The app is told of a longer one, and not what it says.
    max_read_message_bytes: int = 16_384
    #: What messages may weigh that wait for the app: one packet holds dozens, and is parsed whole.
    max_waiting_bytes: int = 32_768
    #: WebSocket frames of any kind a client may send, as a token bucket. The deployed frontends send none.
    frames_per_s: float = 50.0
    frames_burst: float = 200.0

    # Replays
    #: What is kept encoded of notifications that several clients missed.
    replay_cache_bytes: int = 8_388_608

    # Several nodes
    #: How long a node may be behind the one that gave a client its cursor, before the client is told of a gap.
    ahead_wait_s: float = 2.0

    # Polls
    #: What responses may weigh that their clients have not taken yet: of one user, and of all together. At least a
    #: page of each is counted (64 KiB), since it is read before its weight is known.
    poll_user_bytes: int = 1_048_576
    poll_total_bytes: int = 67_108_864
    #: How long a long-poll waits for more: less than what clients and proxies wait for a response.
    long_poll_s: float = 20.0

    # Inboxes
    #: What one page of an inbox may weigh, beyond its first notifications.
    inbox_page_bytes: int = 524_288

    # The directory
    #: How often readiness asks whether the directory answers; and until it has answered once, since nobody can
    #: connect before that, and an operator who repairs it waits for this.
    probe_interval_s: float = 5.0
    first_probe_interval_s: float = 1.0
    #: However short the time to live: every connected user is asked about at most this often.
    min_recheck_interval_s: float = 5.0

    # Requests to addresses that others chose (webhooks, push)
    #: From a free slot to the end of the response.
    outbound_timeout_s: float = 5.0
    #: What is read of the body of a response.
    outbound_body_bytes: int = 16_384
    #: Requests at one time, in all and to one host; to a host that did not respond last, one.
    outbound_requests: int = 64
    outbound_requests_each: int = 8

    # Requests of users
    #: The body of one, and what bodies may weigh that have not been carried out: of one user, and of all together.
    user_body_bytes: int = 65_536
    user_bodies_bytes: int = 262_144
    all_user_bodies_bytes: int = 16_777_216
    #: How long a response waits until the change that it confirms has an effect on open connections.
    effect_timeout_s: float = 5.0

    # Web Push
    #: Browsers of one user; with one more the oldest is forgotten.
    push_subscriptions_each: int = 10
    #: How long a subscription is good that no browser names again.
    push_subscription_days: float = 90.0
    #: How often ended subscriptions are looked for.
    push_sweep_s: float = 3600.0
    #: Users of one notification that are pushed.
    push_users: int = 10_000
    #: What the notifications weigh that are due soon; beyond it they are read from the log later.
    push_schedule_bytes: int = 8_388_608
    #: Notifications whose messages are made at one time, messages on their way, and messages that wait in the log.
    push_prepared: int = 16
    push_messages: int = 16_384
    push_waiting: int = 100_000
    #: Back-off of one message: full jitter over a delay that doubles from the one to the other.
    push_backoff_base_s: float = 5.0
    push_backoff_cap_s: float = 3600.0
    #: How often the hub looks for what is due.
    push_tick_s: float = 0.5

    # Webhooks
    #: How many of one service's webhooks are tried at one time.
    webhook_attempts: int = 8
    #: After how long a claim without an outcome is taken over: longer than an attempt takes.
    webhook_claim_s: float = 60.0
    #: How often a hub looks for webhooks and deadlines that it was not told of.
    webhook_look_s: float = 30.0
    #: Back-off of one webhook: full jitter over a delay that doubles from the one to the other.
    webhook_backoff_base_s: float = 5.0
    webhook_backoff_cap_s: float = 14_400.0
    #: How often webhooks are counted for the metrics, and up to how many of a service.
    webhook_count_s: float = 15.0
    counted_webhooks: int = 10_000

    # Nodes of a cluster
    #: How often a node tells the others the newest position that it knows of, and what there is to say of itself.
    node_beacon_s: float = 0.25
    node_presence_s: float = 2.0
    #: How often a node asks how far the servers of the stream are behind.
    node_replicas_s: float = 5.0
    #: How long a node waits for the others' answers; and at its start, for one that has its name.
    node_answer_s: float = 1.0
    node_name_s: float = 1.0
    #: By how much the clocks of two nodes may differ before a line says so.
    node_clock_skew_s: float = 1.0
    #: The newest notifications of which is remembered what other nodes told, until their receipts are written.
    told_notifications: int = 16_384
    #: Work that one node does: how often it says so, without a word to the log for how long it stops, after how long
    #: another node takes over, and how often that one looks.
    lease_renew_s: float = 15.0
    lease_give_up_s: float = 40.0
    lease_take_over_s: float = 60.0
    lease_look_s: float = 2.0

    # Operators
    #: How many operators may watch at one time: each holds a connection and up to a hundred kilobytes.
    watchers: int = 16
    #: How many relays of outboxes are remembered with their newest report.
    relays: int = 64

    # Tracing
    #: Notifications that are remembered with the publish that they came with, until they are dispatched or replayed.
    traced_origins: int = 10_000
    #: The newest notifications whose deliveries are counted for a trace, in 56 bytes each.
    counted_notifications: int = 16_384
    #: The newest pushed notifications whose messages are counted for a trace.
    counted_pushes: int = 4_096

    # Signals
    #: What is held of signals for one slow connection; beyond it the oldest go, and the client is told how many.
    held_signals_bytes: int = 16_384
    #: How often the hub looks whether a slow connection takes signals again.
    signal_tick_s: float = 0.1
