"""What each setting is for, as the page on settings and the errors say it."""

from __future__ import annotations

__all__ = ["SENTENCES"]

#: Field, variable, unit and example of each setting; under it what it is for.
SENTENCES = """
# Listening

host | HUB_HOST | address | 127.0.0.1
    Where the hub listens; behind a proxy leave it on loopback.

port | HUB_PORT | port | 8000
    The port the hub listens on; 0 takes a free one.

keep_alive_s | HUB_KEEP_ALIVE | s | 75
    How long an idle HTTP connection is kept: longer than the proxy before the hub keeps it, or the proxy sends its
    next request into a closed one.

trusted_proxies | HUB_TRUSTED_PROXIES | list | 10.0.0.0/8
    Addresses or networks whose X-Forwarded-For is believed, comma separated.

compression | HUB_COMPRESSION | on/off | off
    Whether WebSocket clients are offered permessage-deflate; a notification is then compressed once for all of
    them.

# User tokens and tickets

jwt_secret | JWT_SECRET | text | $(openssl rand -hex 32) | secret
    The secret user tokens are signed with (HS algorithms): 32 bytes or more.

jwt_secret_previous | JWT_SECRET_PREVIOUS | text | the old JWT_SECRET | secret
    The secret before the last rotation, however bad; tokens signed with it are accepted until it is unset, so unset
    it after the longest lifetime of a token.

jwt_algorithm | JWT_ALGORITHM | name | HS256
    The one algorithm accepted: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512
    or EdDSA.

jwt_public_key_file | HUB_JWT_PUBLIC_KEY_FILE | file | /etc/hub/jwt.pem
    The PEM public key for RS, PS, ES and EdDSA tokens.

jwks_url | HUB_JWKS_URL | URL | https://id.example.com/.well-known/jwks.json
    Where the public keys are fetched from (https, or http on loopback), instead of a key file: the key set itself,
    or the issuer's `/.well-known/openid-configuration` where both are on one host.

jwt_issuer | HUB_JWT_ISSUER | text | https://login.example.com
    The `iss` every token must have, compared exactly; of several, comma separated, one. Empty: not looked at.

jwt_audience | HUB_JWT_AUDIENCE | text | notification-hub
    The `aud` every token must have, alone or in its list; of several, comma separated, one. Empty: not looked at.

jwt_audience_claim | HUB_JWT_AUDIENCE_CLAIM | name | client_id
    The claim that HUB_JWT_AUDIENCE is compared with, for issuers that name it otherwise.

jwt_user_claim | HUB_JWT_USER_CLAIM | name | user_id
    The claim that holds the user's id: its name, or a path into the claims (`user.id`, or a JSON pointer such as
    `/user/id`).

jwt_account_claim | HUB_JWT_ACCOUNT_CLAIM | name | account_id
    The claim that holds the account's id: its name, or a path into the claims (`organization.id`).

jwt_role_claim | HUB_JWT_ROLE_CLAIM | name | role
    The claim that holds the role, or a list of roles: its name, or a path into the claims (`realm_access.roles`).

jwt_max_lifetime_s | HUB_JWT_MAX_LIFETIME | s | 604800
    The longest time a token may still be valid; also the age a revocation assumes of a token without `iat`.

jwt_leeway_s | HUB_JWT_LEEWAY | s | 5
    How far the clocks of the hub and the issuer may differ; a connection lives that much longer than its token.

ticket_ttl_s | HUB_TICKET_TTL | s | 30
    How long a one-use ticket for a URL is good.

# Users and accounts

directory_url | HUB_DIRECTORY_URL | URL | postgresql://hub:password@db:5432/crm?sslmode=require | secret
    The customer's database of users and accounts: a PostgreSQL URL as its other programs use it, or `off` to trust
    the token's claims (`docs/operations/directory.md`).

directory_ttl_s | HUB_DIRECTORY_TTL | s | 60
    How long a user found in the directory is remembered, and how often the directory is asked again about every
    connected user (5 s at least).

directory_timeout_s | HUB_DIRECTORY_TIMEOUT | s | 3
    How long one look-up may take before the directory counts as down.

directory_users | HUB_DIRECTORY_USERS | names | users(id,account_id,role,is_active)
    Table and columns of users: `[schema.]table(id,account,role,active)`; a table alone has the columns of the
    default.

directory_accounts | HUB_DIRECTORY_ACCOUNTS | names | accounts(id,status)
    Table and columns of accounts: `[schema.]table(id,status)`; a table alone has the columns of the default.

directory_targets | HUB_DIRECTORY_TARGETS | on/off | off
    Whether a publish that names a user together with an account is checked against the directory, and refused (422)
    where the user is not in that account; with `HUB_DIRECTORY_URL=off` nothing is checked.

people_without_account | HUB_PEOPLE_WITHOUT_ACCOUNT | on/off | on
    Whether users without an account, such as final customers, may connect; each gets what names them as a user, and
    nothing for an account or everyone.

# Connections

allowed_origins | HUB_ALLOWED_ORIGINS | list | https://app.example.com
    Browser origins that may connect, comma separated, compared exactly.

max_connections | WS_MAX_CONNECTIONS | connections | 1000
    How many connections the hub holds, all transports together; in a cluster, each node.

max_connections_per_user | HUB_MAX_CONNECTIONS_PER_USER | connections | 20
    How many connections one user may hold; one more closes the oldest (4002; 1000 for a WebSocket without
    `hub.v1`). In a cluster each node counts its own.

language | HUB_LANGUAGE | name | en
    The language of what the hub itself says to people (the greeting, a gap): pt-BR or en.

heartbeat_s | WS_HEARTBEAT_INTERVAL | s | 30
    How often each connection gets a heartbeat, and how long its answer may take.

link_budget_bytes | HUB_LINK_BUDGET | bytes | 32768
    How much may wait unsent for one connection; beyond that it gets the rest from the log at its own pace, and is
    closed (4000) where it takes nothing.

legacy_resume_s | HUB_LEGACY_RESUME | s | 60
    How long the hub remembers where a WebSocket ended whose client gave no cursor, so that it gets what it missed
    when it comes back with the same token; 0: not at all.

drain_s | HUB_DRAIN | s | 20
    The most time a shutdown takes to send the connections away.

# Publishing

service_keys | HUB_SERVICE_KEYS | list | shop:9f86d0… | secret
    Who may publish: `name:sha256hex` pairs, made by `hub key`; such a key may publish any type to any account, read
    statistics, watch the hub and disconnect, but not address everyone.

service_keys_file | HUB_SERVICE_KEYS_FILE | file | /etc/hub/keys.json
    A JSON file of keys with grants for each (accounts, types, everyone, operations).

contracts | HUB_CONTRACTS | list | contracts.avelarsys,my_types
    Python modules that declare the notification types, comma separated: your own, alone or beside the default.

link_origins | HUB_LINK_ORIGINS | list | https://app.example.com
    Origins that the `link` of a notification may lead to, beside paths of the frontend's own; comma separated.

max_body_bytes | HUB_MAX_BODY | bytes | 65536
    The largest body of one notification (a batch may have sixteen times as much).

body_budget_bytes | HUB_BODY_BUDGET | bytes | 67108864
    How much of all request bodies together the hub holds, from their first byte to their answer; beyond that new
    ones get 503.

# Web Push

push_key_file | HUB_PUSH_KEY_FILE | file | /etc/hub/push.pem
    The hub's private key for push services, made by `hub push init`; unset: no Web Push. With another key every
    subscription is void.

push_subject | HUB_PUSH_SUBJECT | text | mailto:it@example.com
    The mail address (`mailto:`) or page (`https:`) under which a push service finds who runs this hub.

push_after_s | HUB_PUSH_AFTER | s | 10
    How long a notification waits for a connection of its user to take it, before it is pushed.

push_allow_private | HUB_PUSH_ALLOW_PRIVATE | on/off | off
    Whether push services may be on this machine or in a private network, such as one of your own.

# The log

data_dir | HUB_DATA_DIR | folder | /var/lib/hub
    Where the log is kept; made with mode 0700 when missing.

retention_days | HUB_RETENTION_DAYS | days | 30
    How long a notification is kept for clients that were away.

retention_records | HUB_RETENTION_RECORDS | records | 10000000
    How many notifications are kept at most; the oldest go first.

idempotency_hours | HUB_IDEMPOTENCY_HOURS | h | 24
    How long an Idempotency-Key is remembered, of the time that the hub runs.

on_damage | HUB_ON_DAMAGE | name | refuse
    What a hub does that finds records missing or damaged when it starts: `new-epoch` says so, starts, and tells
    every client of one gap; `refuse` does not start.

max_pending_appends | HUB_MAX_PENDING_APPENDS | requests | 10000
    How many publish requests may wait for the disk before new ones get 503.

inbox | HUB_INBOX | on/off | off
    Whether users have an inbox (`/api/inbox`): what they have read is the same on all of their devices. Off, the log
    gets nothing for it.

handover_s | HUB_HANDOVER | s | 30
    How long a starting hub waits for the one before it to release the log.

# Several nodes

log_url | HUB_LOG_URL | URLs | nats://nats-1:4222,nats://nats-2:4222,nats://nats-3:4222 | secret
    The NATS servers whose stream is the log of several hubs (tls:// for TLS), comma separated; unset, this hub is
    alone and its log is the file in HUB_DATA_DIR. The stream is made once, by `hub cluster init`.

log_stream | HUB_LOG_STREAM | name | hub
    The stream that is the log; the subjects of the hubs begin with this name too, so several companies can share
    servers.

log_credentials_file | HUB_LOG_CREDENTIALS_FILE | file | /etc/hub/nats.creds
    As whom the hub connects to NATS: a `.creds` file of NATS, or one line `user:password`; unset, what HUB_LOG_URL
    has.

log_ca_file | HUB_LOG_CA_FILE | file | /etc/hub/nats-ca.pem
    The authority that the certificates of the NATS servers are checked by; unset, those of the system.

node | HUB_NODE | name | hub-1
    What this hub is called among the nodes, where each needs a name of its own; unset, the name of the machine.

append_deadline_s | HUB_APPEND_DEADLINE | s | 15
    How long a publish waits while NATS cannot store it, such as during the election of a leader (4 to 9 s), before it
    gets 503.

receipt_wait_s | HUB_RECEIPT_WAIT | s | 0.025
    How long the receipt of a publish waits for the other nodes to say how many of their connections it met; a receipt
    names the nodes that did not.

isolation_s | HUB_ISOLATION | s | 15
    How long a hub that cannot reach NATS keeps its connections, before it sends them to other nodes.

# The outbox relay

relay_database | HUB_RELAY_DATABASE | URL | postgresql://relay:password@db:5432/app | secret
    The PostgreSQL with the outbox table that `hub relay` publishes; the direct host rather than a pooler's, which it
    has to poll.

relay_table | HUB_RELAY_TABLE | name | app.notification_outbox
    The outbox table, with its schema where that is not in the database user's search path.

relay_poll_s | HUB_RELAY_POLL | s | 0.5
    How often the relay looks for rows that no commit has woken it for: behind a pooler in transaction mode all of
    them, otherwise those that wait for their next attempt.

relay_in_flight | HUB_RELAY_IN_FLIGHT | requests | 32
    How many rows, of different keys, one relay sends at the same time.

relay_attempts | HUB_RELAY_ATTEMPTS | attempts | 20
    How often the hub may fail on a row (500) before the row is dead. A hub that is away does not count.

relay_keep_days | HUB_RELAY_KEEP_DAYS | days | 7
    How long published rows are kept before the relay deletes them; 0 deletes them at once. Dead rows stay.

relay_port | HUB_RELAY_PORT | port | 9465
    The port of the relay's /health/live, /health/ready and /metrics, on HUB_HOST; 0: none.

# Operating

metrics_port | HUB_METRICS_PORT | port | 9100
    A port of its own for /metrics; 0: on the hub's port.

metrics_key | HUB_METRICS_KEY | sha256hex | 9f86d0… | secret
    The hash of the key that /metrics asks for on the hub's port; empty: any service key.

schema_public | HUB_SCHEMA | on/off | on
    Whether the API document and its page are served.

console | HUB_CONSOLE | on/off | on
    Whether the operator's page at `/console` is served; what it shows needs a service key in any case.

log_level | HUB_LOG_LEVEL | name | info
    How much is logged: debug, info, warning or error.

tracing | HUB_TRACING | on/off | on
    Whether spans of publishes, appends, dispatches and replays are made (`docs/operations/tracing.md`); needs
    `notification-hub[otel]`.
"""
