/* Made from openapi/openapi.json by `make clients-types`; never edited by hand. */
export interface paths {
    "/api/internal/notify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publish one notification
         * @description The response is 202 when the notification is on disk; delivery no longer depends on the caller. The hub passes fields of `data` that the type does not declare on as received. It does the same with fields of another shape than the type declares, and names them in `warnings` of the receipt; a strict type refuses them with 400. Give at least one target: `user_id`, `user_ids`, `account_id` or `everyone`.
         */
        post: operations["publishNotification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/notify/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publish up to 1,000 notifications
         * @description The hub stores all acceptable notifications in one transaction, in order. A refused notification gets its own problem and does not affect the others.
         */
        post: operations["publishBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/signal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a signal to the clients that are connected
         * @description A signal says that something changed, so that a page fetches it again. It has no title and no message, and the hub does not store it: only clients of `hub.v1` and streams that asked for its type (`signals`, `listen`) and are connected now get it. The response does not wait for a disk. A client that takes too little gets the newest of each `collapse_key`, and is told how many it missed.
         */
        post: operations["sendSignal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ws": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Receive frames over WebSocket
         * @description Each text frame is one `Frame` (`/schema/frames.json`); the first is `connection_established`. The token may also come as subprotocol `hub.bearer.<base64url>`. A client that offers subprotocol `hub.v1` gets heartbeats that it can see, may send `auth` with a newer token, and is refused with a close code that it can read; every other client is refused before the accept.
         *
         *     Close codes, and what a client does after them (reconnect with the last cursor, or stop):
         *     - `1012` drain: reconnect
         *     - `4000` slow: reconnect
         *     - `4001` token expired: reconnect
         *     - `4002` too many connections: reconnect
         *     - `4500` invalid token: stop
         *     - `4501` not allowed: stop
         *     - `4502` disconnected: stop
         *     - `4503` hub full: stop
         *     - `4504` invalid cursor: stop
         */
        get: operations["openWebSocket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Receive frames as Server-Sent Events
         * @description Each event's `data` is one `Frame`, the same bytes that a WebSocket carries, and its `id` is the cursor. A client may switch from one transport to the other. The stream ends after a `closing` frame, or when the hub restarts.
         */
        get: operations["openEventStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/poll": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Poll for frames, if no connection can stay open
         * @description The last resort. The response comes at once. It has the frames for the user since the cursor, with the same bytes that a connection carries, and the cursor for the next request. It has at most 200 frames or 64 KiB, or one frame that is larger: after a response with frames request again at once, after an empty one wait. Without a cursor it has only the log's head. If the log can no longer serve the cursor, it has a `gap` frame.
         */
        get: operations["pollFrames"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/streams/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read frames as a stream of the Durable Streams protocol
         * @description The read side of the open protocol [Durable Streams](https://github.com/durable-streams/durable-streams), for its clients in any language. The stream has the notifications for the user, in JSON mode: a read returns an array of frames, with the same bytes that a connection carries, and the place behind them as `Stream-Next-Offset`. It has at most 200 frames or 64 KiB, or one frame that is larger; `Stream-Up-To-Date: true` says that nothing more is there. HEAD returns the tail. An offset that the log can no longer serve gets 410, with the offset to go on from as `Stream-Next-Offset`. With `live=sse` the response is a stream of `data` and `control` events.
         */
        get: operations["readStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/inbox": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the notifications of the user, newest first, with what has been read
         * @description The inbox is what the log has for the user: the same on all devices, for as long as the log keeps notifications. Types whose policy says `inbox: false` are not in it, nor is what has expired.
         */
        get: operations["getInbox"];
        put?: never;
        /**
         * Mark notifications as read or unread, or archive them
         * @description The change is on disk before the response, and reaches all of the user's `hub.v1` connections as a control frame `inbox`. All of a request is done, or nothing: an id that is not that of a notification for this user is refused with 422, and the problem's `field` names its index.
         */
        post: operations["changeInbox"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get a one-use ticket for a URL
         * @description Browsers cannot set headers on a WebSocket or an `EventSource`. A ticket replaces the token in `?token=`, once, for a few seconds, so that no token is in a URL.
         */
        post: operations["issueTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/preferences": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * See which types the user has muted
         * @description Every type that the hub knows, and whether the user has muted it. Notifications of a muted type do not reach the user's connections and polls, and are listed in the inbox like all others.
         */
        get: operations["getPreferences"];
        /**
         * Mute types
         * @description The user mutes these types and no others. It is stored, holds for all devices of the user, and has an effect on open connections when the response comes; those that speak `hub.v1` get a `preferences` frame. A type whose policy is `mandatory` cannot be muted.
         */
        put: operations["setPreferences"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/push": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the key that a browser subscribes to Web Push with
         * @description The `applicationServerKey` of `pushManager.subscribe()` (RFC 8292). With Web Push, a user gets notifications while no page is open. 404 with the code `push_off`: this hub has none.
         */
        get: operations["getPushKey"];
        /**
         * Subscribe a browser to Web Push
         * @description The body is the browser's `PushSubscription.toJSON()`. The hub pushes what no connection of the user has taken, if the type's policy has `push`, encrypted for this browser (RFC 8291): a message is a `PushMessage`. The same again is a renewal, and an endpoint that another user had registered is this user's from now on. A user has at most 10; the oldest goes.
         */
        put: operations["subscribeToPush"];
        post?: never;
        /**
         * End a browser's subscription to Web Push
         * @description The response is the same where the user has no such subscription.
         */
        delete: operations["unsubscribeFromPush"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/ws-stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count connections, users and totals
         * @description The numbers are exact, and of all accounts: a key that is limited to some of them is refused. In a cluster they are sums over the nodes that answer within a second; `nodes` has a row for each, and `usersAreDistinct` is false, because a user who is connected to two nodes counts twice.
         */
        get: operations["readStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Explain what a publish would do, without publishing
         * @description The body is that of a publish. The response has the problem that the publish would get, or whom it would reach at this moment; the same checks decide. It is 200 also if the publish would be refused. `explain_user_id` asks about one user: whether they would get it, and why or why not. The key needs the operation `observe`. Ids are masked unless it has the operation `observe_ids`, too. An Idempotency-Key is checked for its form and not looked up.
         */
        post: operations["explainNotification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/forget": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Erase what the hub has of a user
         * @description Removes what was for this user alone, the user from what was for several, and what the user had read, muted and allowed, from all files of the log; then says how much that was. What was for an account or for everyone stays, and so do backups. The user's connections are ended, and may come back. The key needs the operation `forget`, and has to reach the account, or all accounts if none is named.
         */
        post: operations["forgetUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/notifications/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say what became of one notification
         * @description What the log has of it, and what the hub has counted of it since its start: the service that published it, the connections that it was handed to live, and how often it was replayed. The counts of the newest notifications are kept in memory; every step that the hub cannot tell is named in `unknown`, with the reason. The key needs the operation `observe`; ids are masked unless it has `observe_ids`, too. A key that is limited to some accounts gets 404 for a notification that is not for these alone.
         */
        get: operations["traceNotification"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/disconnect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Close the connections of a user, an account or a token
         * @description The connections are closed with code 4502, on every node of a cluster; `nodes` names nodes that did not answer within a second. With `revoke` the hub also refuses the tokens issued until now, until they expire; the revocation is on disk before the response.
         */
        post: operations["disconnect"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/observe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Watch the hub as Server-Sent Events
         * @description Each event's `data` is one `ObservationEvent`: first `introduction`, then `figures` once a second and `feed` with the notifications that were dispatched. It has no titles, messages and `data`. The key needs the operation `observe`; ids are masked unless it has `observe_ids`, too. A slow client gets figures less often and is told how many notifications it was not shown. The console of the hub reads this stream. Nothing is made while nobody reads it.
         */
        get: operations["observe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Find the connections of one user
         * @description The user's id is exact, and in the body, so that no log has it. The key needs the operation `observe`. A key that is limited to some accounts must name one of them.
         */
        post: operations["findConnections"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/push": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the figures of Web Push
         * @description The key needs the operation `observe`. 404 with the code `push_off`: this hub has no Web Push.
         */
        get: operations["getPushFigures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/relay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Report what a relay of an outbox has to do
         * @description `hub relay` sends it. Operators see the newest report of each relay in `figures` of `/api/internal/observe` and in the console. The hub keeps reports in memory. The key needs the operation `publish`.
         */
        put: operations["reportRelay"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the process responds
         * @description It checks nothing else, so that a full disk does not cause a restart.
         */
        get: operations["checkLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the hub accepts new work
         * @description The hub is not ready if the log cannot be written, if the dispatcher has stopped, or if the hub is draining. A node of a cluster is not ready, either, while it cannot reach NATS; `cluster` says how it is.
         */
        get: operations["checkReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the metrics
         * @description Prometheus text. It is absent if `HUB_METRICS_PORT` gives the metrics a separate port.
         */
        get: operations["readMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ack": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say that everything up to a cursor has arrived
         * @description For clients of event streams and for those that poll; a WebSocket has the frame `ack` for it. It counts where a service awaits a confirmation. A cursor that no client of this user was handed confirms nothing.
         */
        post: operations["acknowledge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List webhooks that wait, or dead letters
         * @description The key needs the operation `observe`; the users are masked unless it has `observe_ids`, too.
         */
        get: operations["listWebhooks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/internal/webhooks/{id}/repeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a webhook again
         * @description At once, and for a day from now on, under the same id. The key needs the operation `webhooks`.
         */
        post: operations["repeatWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the page of this hub
         * @description A small page with links to this document and to the state of the hub.
         */
        get: operations["showHub"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/console": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the operator's console
         * @description A page that loads nothing from other servers, and asks for a service key with the operation `observe`. Its address ends with a slash. It is absent if `HUB_CONSOLE` is off.
         */
        get: operations["showConsole"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/console/console.js": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the console's script
         * @description The page at `/console/` loads it.
         */
        get: operations["readConsoleScript"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/console/console.css": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the console's style
         * @description The page at `/console/` loads it.
         */
        get: operations["readConsoleStyle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read this document as a page
         * @description One page that loads nothing from other servers. It is absent if `HUB_SCHEMA` is off.
         */
        get: operations["showSchema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/schema/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read this document
         * @description OpenAPI 3.1, with the company's own notification types.
         */
        get: operations["readOpenApi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/schema/openapi-3.0.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read this document as OpenAPI 3.0
         * @description OpenAPI 3.0.3 with the same content, for generators that read no later version or read it worse.
         */
        get: operations["readOpenApi30"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/schema/asyncapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the AsyncAPI document of the connections
         * @description AsyncAPI 3: `/ws`, `/sse`, `/poll`, `/streams/me` and `/api/internal/observe`, their frames and events, what a client may send, and the close codes.
         */
        get: operations["readAsyncApi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/schema/frames.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the JSON Schema of the frames
         * @description All frames of a connection, over either transport.
         */
        get: operations["readFramesSchema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    "notification.unconfirmed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A user did not confirm a notification in time
         * @description Signed as the Standard Webhooks specification says, with the secret of the service's entry in the key file. A status of 2xx takes it; 410 makes it a dead letter; after any other, a redirect too, it is sent again, for a day.
         */
        post: operations["receiveNotificationUnconfirmed"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "notification.confirmed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A user confirmed a notification in time
         * @description Signed as the Standard Webhooks specification says, with the secret of the service's entry in the key file. A status of 2xx takes it; 410 makes it a dead letter; after any other, a redirect too, it is sent again, for a day.
         */
        post: operations["receiveNotificationConfirmed"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /**
         * Acceptance
         * @description The publish: the service, and when the whole request had arrived.
         */
        Acceptance: {
            service: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            at: string;
        };
        /**
         * AccountCount
         * @description How many connections an account has; its id is masked unless it may be seen.
         */
        AccountCount: {
            account_id: string;
            /** Format: int64 */
            connections: number;
        };
        /**
         * AckRequest
         * @description A user's client has got everything up to `cursor`: the hub may count that as delivered.
         */
        AckRequest: {
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * AuthAccepted
         * @description The response to `Auth`; the connection now lives until `expires_at`.
         * @example {
         *       "type": "auth_accepted",
         *       "expiresAt": "2026-11-22T14:03:07.125Z"
         *     }
         */
        AuthAccepted: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "auth_accepted";
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            expiresAt: string;
        };
        /**
         * BatchReceipt
         * @description A result for each notification of a batch, in order.
         */
        BatchReceipt: {
            results: components["schemas"]["BatchResult"][];
        };
        /**
         * BatchRequest
         * @description Up to 1,000 notifications, stored in this order; each is taken or refused on its own.
         */
        BatchRequest: {
            notifications: components["schemas"]["PublishRequest"][];
        };
        /**
         * BatchResult
         * @description The result for the notification at `index` of a batch: a receipt or a problem.
         */
        BatchResult: {
            /** Format: int64 */
            index: number;
            receipt?: components["schemas"]["Receipt"];
            problem?: components["schemas"]["Problem"];
        };
        /**
         * CartUpdated
         * @description Sent to a user when their cart changes. Delivered for at most 86400 seconds. Not listed in the inbox. With a `collapse_key` it takes the place of an older one.
         * @example {
         *       "type": "cart_updated",
         *       "title": "Carrinho atualizado",
         *       "message": "Seu carrinho tem 2 itens.",
         *       "data": {
         *         "itemCount": 2
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        CartUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "cart_updated";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * Closing
         * @description The last frame before the hub ends a stream; `code` is the WebSocket close code that it replaces.
         * @example {
         *       "type": "closing",
         *       "code": 4001,
         *       "reason": "the token has expired"
         *     }
         */
        Closing: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "closing";
            /** Format: int64 */
            code: number;
            reason: string;
        };
        /**
         * Confirm
         * @description A deadline, of 10 seconds to 7 days, until which the users have to have got or read a notification.
         *
         *     `delivered`: a client of the user acknowledged it. `read`: the user marked it as read.
         */
        Confirm: {
            /** Format: int32 */
            within_seconds: number;
            /** @enum {string} */
            by: "delivered" | "read";
        };
        /**
         * Confirmation
         * @description What one user had to confirm, and until when; `at` is when that ended, and is left out where it is awaited.
         */
        Confirmation: {
            user: components["schemas"]["TargetView"];
            /** @enum {string} */
            by: "delivered" | "read";
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            deadline: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            at?: string;
        };
        /**
         * ConfirmedData
         * @description The user who confirmed in time, and when; else as `UnconfirmedData`.
         */
        ConfirmedData: {
            notification: {
                [key: string]: unknown;
            };
            account_id: string;
            user_id: string;
            /** @enum {string} */
            by: "delivered" | "read";
            /** Format: int64 */
            within_seconds: number;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            deadline: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            confirmed_at: string;
        };
        /**
         * ConnectionCounts
         * @description Connections open at this moment, by transport.
         */
        ConnectionCounts: {
            /** Format: int64 */
            total: number;
            /** Format: int64 */
            websocket: number;
            /** Format: int64 */
            sse: number;
            /**
             * Format: int64
             * @default 0
             */
            durable_streams?: number;
        };
        /**
         * ConnectionData
         * @description The facts of a connection; `heartbeat_seconds` is the longest silence.
         *
         *     `signals` are the types of signals that the client asked for with its request, if it did; its presence says that the hub takes `listen`. `features` names what else the hub has for clients that speak `hub.v1`; a client that finds a word missing does without, and passes over words that it does not know. A hub from before that names none. `ack`: the hub takes the frame `ack` and `POST /api/ack`. `inbox`: it keeps inboxes (`/api/inbox`, the frame `inbox`). `preferences`: users may mute types (`/api/preferences`, the frame `preferences`). `push`: browsers may subscribe to Web Push (`/api/push`).
         */
        ConnectionData: {
            connectionId: string;
            /** @enum {string} */
            resume: "gap" | "live" | "replayed";
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
            /** Format: double */
            heartbeatSeconds: number;
            signals?: string[];
            /**
             * @example [
             *       "ack",
             *       "inbox",
             *       "preferences",
             *       "push"
             *     ]
             */
            features?: string[];
        };
        /**
         * ConnectionEstablished
         * @description The first frame of every connection.
         * @example {
         *       "type": "connection_established",
         *       "title": "Conectado",
         *       "message": "Conexão estabelecida com o hub de notificações",
         *       "data": {
         *         "connectionId": "pVb2yS0lq9xw",
         *         "resume": "replayed",
         *         "cursor": "k3v9q2m7xa-1z8",
         *         "heartbeatSeconds": 30,
         *         "features": [
         *           "inbox"
         *         ]
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z"
         *     }
         */
        ConnectionEstablished: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "connection_established";
            title: string;
            message: string;
            data: components["schemas"]["ConnectionData"];
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
        };
        /**
         * ConnectionsFound
         * @description A user's connections at this moment: `total` of them, of which at most 100 are described, oldest first.
         *
         *     In a cluster they are those of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out.
         */
        ConnectionsFound: {
            /** Format: int64 */
            total: number;
            connections: components["schemas"]["UserConnection"][];
            nodes?: components["schemas"]["NodesAnswered"];
        };
        /**
         * ConnectionsRequest
         * @description Whose connections to describe: a user's, in `account_id` if that is given, else in every account.
         */
        ConnectionsRequest: {
            user_id: string;
            account_id?: string | null;
        };
        /**
         * CustomersUpdated
         * @description Sent to an account when one of its customers in AxCellOS changes.
         * @example {
         *       "type": "customers:updated",
         *       "data": {
         *         "id": 77,
         *         "action": "created"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "missed": 0
         *     }
         */
        CustomersUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "customers:updated";
            data?: components["schemas"]["ListChange"];
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            /**
             * Format: int64
             * @default 0
             */
            missed: number;
        };
        /**
         * DefectiveReceived
         * @description Sent to the buyer when the seller has received the defective item. Pushed with the urgency `low`.
         * @example {
         *       "type": "defective_received",
         *       "title": "Item recebido",
         *       "message": "O vendedor recebeu o item com defeito.",
         *       "data": {
         *         "returnId": 41
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        DefectiveReceived: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "defective_received";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * DisconnectReceipt
         * @description How many connections were closed, and whether the hub refuses the tokens from now on.
         *
         *     In a cluster `closed` is the sum of the nodes that answered, as `nodes` says; a hub alone leaves `nodes` out. With `revoked` every node closes them, as soon as it has the revocation.
         */
        DisconnectReceipt: {
            /** Format: int64 */
            closed: number;
            revoked: boolean;
            nodes?: components["schemas"]["NodesAnswered"];
        };
        /**
         * DisconnectRequest
         * @description The connections to close: a user's, an account's, or those of one token.
         *
         *     Exactly one of `user_id` (with or without `account_id`), `account_id`, `token` and `jti`. `token` is the SHA-256, in hex, of the token without its last dot and signature, as `hub token inspect` prints it; never the token itself. `revoke` also refuses the tokens until they expire.
         */
        DisconnectRequest: {
            user_id?: string | null;
            account_id?: string | null;
            token?: string | null;
            jti?: string | null;
            /** @default false */
            revoke?: boolean;
        };
        /**
         * Dispatch
         * @description How many connections the live dispatch handed it to; it does not say that a person has seen it.
         *
         *     `deferred` are connections that were still getting older notifications at that moment: they get this one after those. `expired`: its time was over before the dispatch, so no live connection got it.
         */
        Dispatch: {
            /** Format: int64 */
            websocket: number;
            /** Format: int64 */
            sse: number;
            /**
             * Format: int64
             * @default 0
             */
            durable_streams?: number;
            /** Format: int64 */
            deferred: number;
            expired: boolean;
        };
        /**
         * Durations
         * @description How long something took, since the start: how often in each range of `bounds_seconds`, and all together.
         */
        Durations: {
            counts: number[];
            /** Format: double */
            sum_seconds: number;
        };
        /**
         * ExchangeResolved
         * @description Sent to the seller when an exchange is closed: `data.status` says whether it was paid for or sent back. Pushed with the urgency `normal`.
         * @example {
         *       "type": "exchange_resolved",
         *       "title": "Troca concluída",
         *       "message": "A troca do pedido PED-1234 foi concluída.",
         *       "data": {
         *         "exchangeId": 12
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ExchangeResolved: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "exchange_resolved";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * ExchangeValidated
         * @description Sent to the buyer when an exchange has been checked: `data.status` says whether it was approved or refused. Pushed with the urgency `normal`.
         * @example {
         *       "type": "exchange_validated",
         *       "title": "Troca validada",
         *       "message": "Sua troca foi validada.",
         *       "data": {
         *         "exchangeId": 12
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ExchangeValidated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "exchange_validated";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * ExplainRequest
         * @description The body of a publish as it is, and what else to explain about it. Nothing is published.
         *
         *     `explain_user_id` asks why this user would get the notification, or why not; `explain_account_id` is the user's account, which the directory tells otherwise. `explain_service` names the service whose rights count instead of the caller's.
         */
        ExplainRequest: {
            type: string;
            title: string;
            message: string;
            data?: unknown;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
            explain_user_id?: string | null;
            explain_account_id?: string | null;
            explain_service?: string | null;
        };
        /**
         * Explanation
         * @description What the hub would respond to a publish now, and whom it would reach. Nothing was published.
         *
         *     `refusal` is the problem that the publish would get; it is left out if the hub would accept it. `service` is the service whose rights were looked at. `targets` has the first 100 of `target_count`. `users` and `connections` are those that match at this moment and have not muted the type. `policy` is that of the type, which also holds where the publish says nothing. `supersedes` is the cursor of the older notification whose place it would take. `expires_at` is when the hub would stop to deliver it. `warnings` are those of the receipt. `user` is there if the request names one in `explain_user_id`. In a cluster `users` and all connections are sums of the nodes that answered in time, as `nodes` says, and a user who is connected to two of them counts twice; a hub alone leaves `nodes` out.
         */
        Explanation: {
            accepted: boolean;
            service: string;
            refusal?: components["schemas"]["Problem"];
            type?: string;
            policy?: components["schemas"]["Policy"];
            /** @default [] */
            targets?: components["schemas"]["TargetView"][];
            /** Format: int64 */
            target_count: number;
            /** Format: int64 */
            users: number;
            connections: components["schemas"]["ConnectionCounts"];
            /** @example k3v9q2m7xa-1z8 */
            supersedes?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            expires_at?: string;
            /** @default [] */
            warnings?: components["schemas"]["FieldWarning"][];
            user?: components["schemas"]["UserExplanation"];
            nodes?: components["schemas"]["NodesAnswered"];
        };
        /**
         * Feed
         * @description Notifications that were dispatched, in order; `skipped` more were, and are counted alone.
         */
        Feed: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "feed";
            items: components["schemas"]["FeedItem"][];
            /** Format: int64 */
            skipped: number;
        };
        /**
         * FeedItem
         * @description One notification as it was dispatched; `connections` of its targets were open then. Its texts are left out.
         */
        FeedItem: {
            id: string;
            type: string;
            timestamp: string;
            cursor: string;
            target: components["schemas"]["FeedTarget"];
            /** Format: int64 */
            connections: number;
            /** Format: int64 */
            bytes: number;
        };
        /**
         * FeedTarget
         * @description Whom a notification is for: a user, `users` users, an account, or everyone.
         *
         *     Ids are masked unless they may be seen.
         */
        FeedTarget: {
            /** @enum {string} */
            kind: "account" | "everyone" | "user" | "users";
            account_id?: string | null;
            user_id?: string | null;
            /**
             * Format: int64
             * @default 0
             */
            users?: number;
        };
        /**
         * FieldWarning
         * @description A field of `data` whose value is not what its type declares; the hub passed it on as received.
         *
         *     `field` is its path, such as `$.data.items`; `detail` says what was expected, never what was sent.
         */
        FieldWarning: {
            field: string;
            detail: string;
        };
        /**
         * Figures
         * @description The hub at this moment, and what happened since its start.
         *
         *     `published` is by type, `deliveries` and `connected` by transport, `closed` by close code, `refused` (connections) and `problems` (requests) by error code. `durations` have the names of the metrics without `hub_` and `_seconds`, with the label's value behind a colon where there is one. `dispatch_lag` is how many records are stored and not dispatched. `largest_accounts` are at most 50. `relays` are those of outboxes that report to this hub. `nodes` has a row for each node of its cluster, and none for a hub alone; all else is about the hub that responds. `mismatches` (fields of `data` that were stored with another shape than declared) are by type and field, with a dot between.
         */
        Figures: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "figures";
            at: string;
            connections: components["schemas"]["ConnectionCounts"];
            /** Format: int64 */
            users: number;
            /** Format: int64 */
            accounts: number;
            largest_accounts: components["schemas"]["AccountCount"][];
            published: {
                [key: string]: number;
            };
            /** Format: int64 */
            duplicates: number;
            deliveries: {
                [key: string]: number;
            };
            /** Format: int64 */
            replayed: number;
            /** Format: int64 */
            fallen_behind: number;
            /** Format: int64 */
            gaps: number;
            connected: {
                [key: string]: number;
            };
            closed: {
                [key: string]: number;
            };
            refused: {
                [key: string]: number;
            };
            problems: {
                [key: string]: number;
            };
            durations: {
                [key: string]: components["schemas"]["Durations"];
            };
            log: components["schemas"]["LogFigures"];
            /** Format: int64 */
            dispatch_lag: number;
            directory: string;
            draining: boolean;
            ready: boolean;
            /** @default [] */
            relays?: components["schemas"]["RelayFigures"][];
            /** @default [] */
            nodes?: components["schemas"]["NodeStats"][];
            /** @default {} */
            mismatches?: {
                [key: string]: number;
            };
        };
        /**
         * ForgetReceipt
         * @description What an erasure has removed.
         *
         *     `records` were for the user alone. Of `shared` ones, which were for others as well, the user is no longer one. `states` are rows of what the user had read, muted and allowed. `connections` were ended; in a cluster every node ends its own, and those of the node that was asked are counted. `final`: no file of the log has any of it any more; otherwise a reader, such as a backup, still holds the write-ahead log: ask again when it has ended.
         */
        ForgetReceipt: {
            /** Format: int64 */
            records: number;
            /** Format: int64 */
            shared: number;
            /** Format: int64 */
            states: number;
            /** Format: int64 */
            idempotency_keys: number;
            /** Format: int64 */
            connections: number;
            final: boolean;
        };
        /**
         * ForgetRequest
         * @description The user to erase, in one account, or in all if none is given.
         */
        ForgetRequest: {
            user_id: string;
            account_id?: string | null;
        };
        /**
         * Frame
         * @description One message on a connection: a notification, a signal or a control frame. Types may be added, so a client passes over a `type` it does not know.
         */
        Frame: components["schemas"]["OrderCreated"] | components["schemas"]["PaymentConfirmed"] | components["schemas"]["OrderUpdated"] | components["schemas"]["StockAlert"] | components["schemas"]["CartUpdated"] | components["schemas"]["ProductAdded"] | components["schemas"]["ProductUpdated"] | components["schemas"]["ProductDeleted"] | components["schemas"]["TransactionCreated"] | components["schemas"]["ProfileUpdated"] | components["schemas"]["ReturnRequested"] | components["schemas"]["ReturnResponded"] | components["schemas"]["ReplacementSent"] | components["schemas"]["DefectiveReceived"] | components["schemas"]["ExchangeValidated"] | components["schemas"]["ExchangeResolved"] | components["schemas"]["OrdersUpdated"] | components["schemas"]["CustomersUpdated"] | components["schemas"]["ProductsUpdated"] | components["schemas"]["ConnectionEstablished"] | components["schemas"]["Gap"] | components["schemas"]["Heartbeat"] | components["schemas"]["Reconnect"] | components["schemas"]["Closing"] | components["schemas"]["AuthAccepted"] | components["schemas"]["InboxChanged"] | components["schemas"]["PreferencesChanged"];
        /**
         * Gap
         * @description Sent when the log no longer holds what the client's cursor asks for. The client fetches its state again.
         * @example {
         *       "type": "gap",
         *       "title": "Notificações antigas indisponíveis",
         *       "message": "Parte do que foi enviado durante a sua ausência não está mais disponível. Atualize a página.",
         *       "data": {
         *         "cursor": "k3v9q2m7xa-1z8"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z"
         *     }
         */
        Gap: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "gap";
            title: string;
            message: string;
            data: components["schemas"]["GapData"];
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
        };
        /**
         * GapData
         * @description The position from which the connection continues after the gap.
         */
        GapData: {
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * Heartbeat
         * @description Sent to `hub.v1` clients when nothing else was sent, because browsers cannot see pings.
         *
         *     `cursor` is the position that this connection has reached, even if nothing was for its user.
         * @example {
         *       "type": "heartbeat",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        Heartbeat: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "heartbeat";
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * InboxChange
         * @description What the user has done: all of it, or nothing of it, is changed.
         *
         *     `read_until` marks everything up to this cursor as read, however much that is. After it, `read` and `unread` mark single notifications, by their ids, and `archive` takes them off the list, for good. Together they name at most 1,000. The same change once more changes nothing.
         */
        InboxChange: {
            /** @default [] */
            read?: string[];
            /** @default [] */
            unread?: string[];
            /** @default [] */
            archive?: string[];
            read_until?: string | null;
        };
        /**
         * InboxChanged
         * @description Sent to `hub.v1` clients when the user's inbox has changed, on whichever device.
         *
         *     First everything up to `read_until` is read, if it is there. Then the notifications with these ids are read, unread, and archived. `unread_count` is how many were unread after it, exact up to 999; `more` says that there were more. It has a place in the log, as a notification has, and comes again to a client that continues before it.
         *
         *     After an erasure it has neither a place nor a count. The notifications of `removed` exist no longer. `stale`: others may have gone, too, so a client fetches the inbox again, and drops what is not in it.
         * @example {
         *       "type": "inbox",
         *       "read": [
         *         "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77"
         *       ],
         *       "unread": [],
         *       "archived": [],
         *       "unread_count": 3,
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        InboxChanged: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "inbox";
            read: string[];
            unread: string[];
            archived: string[];
            /** @default [] */
            removed?: string[];
            /** @default false */
            stale?: boolean;
            /** @example k3v9q2m7xa-1z8 */
            read_until?: string;
            /** Format: int64 */
            unread_count?: number;
            /** @default false */
            more?: boolean;
            /** @example k3v9q2m7xa-1z8 */
            cursor?: string;
        };
        /**
         * InboxCount
         * @description How many notifications are unread after a change, exact up to 999; `more` says that there are more than those.
         *
         *     The change is in the log at or before `cursor`.
         */
        InboxCount: {
            /** Format: int32 */
            unread: number;
            more: boolean;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * InboxNotification
         * @description A notification as it was delivered, and whether the user has read and archived it.
         *
         *     The types of `data` are those of `Notification`, by `type`.
         */
        InboxNotification: {
            type: string;
            title: string;
            message: string;
            data?: unknown;
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
            read: boolean;
            archived: boolean;
        };
        /**
         * InboxNotifications
         * @description A page of an inbox, newest first.
         *
         *     `unread` is the number of unread notifications in the whole inbox, exact up to 999; `more` says that there are more than those. `next` is the `before` of the following page, null at the end; a page may have fewer notifications than asked for, and none, before the end. Everything up to `cursor` is in the response: a connection that continues there misses nothing. A connection also brings notifications of the `unlisted` types, which have no place in an inbox.
         */
        InboxNotifications: {
            notifications: components["schemas"]["InboxNotification"][];
            /** Format: int32 */
            unread: number;
            more: boolean;
            next: string | null;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
            unlisted: string[];
        };
        /**
         * Introduction
         * @description The first event: who the key is, what it may do, and how to read what follows.
         *
         *     `types` null: the key may publish every type. `bounds_seconds` are the upper bounds of the ranges of all durations; the last range has none. An event comes at least every `interval_seconds`.
         */
        Introduction: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "introduction";
            service: string;
            operations: string[];
            types: string[] | null;
            everyone: boolean;
            version: string;
            started_at: string;
            /** Format: double */
            interval_seconds: number;
            bounds_seconds: number[];
        };
        /**
         * ListChange
         * @description What changed in a list, so that a page fetches it again: `action` is `created`, `updated`, `deleted` or so.
         */
        ListChange: {
            id?: number | string | null;
            action?: string | null;
        };
        /**
         * Liveness
         * @description The process answers.
         */
        Liveness: {
            /** @constant */
            live: true;
        };
        /**
         * LogFigures
         * @description The log at this moment: the positions of its oldest and newest record, and its files in bytes.
         */
        LogFigures: {
            /** Format: int64 */
            first: number;
            /** Format: int64 */
            head: number;
            /** Format: int64 */
            bytes: number;
            writable: boolean;
            /** Format: int64 */
            damaged: number;
        };
        /**
         * NodeReadiness
         * @description A node of a cluster: its connection to NATS and how far its log is behind.
         *
         *     `lag`: records of the stream that this node has not applied yet. `replica_lag`: how far the slowest server of the stream is behind its leader; null if that is not known. `isolated`: clients are sent to other nodes.
         */
        NodeReadiness: {
            node: string;
            /** @enum {string} */
            nats: "connected" | "disconnected";
            /** Format: int64 */
            lag: number;
            replica_lag: number | null;
            isolated: boolean;
            /** Format: int64 */
            nodes: number;
        };
        /**
         * NodeStats
         * @description One node of a cluster, as it last told of itself, `seen_seconds` ago.
         *
         *     `applied` is the newest position that it has handed to its connections, `lag` how far that is behind the newest one of the log that anybody told it of. `nats` is its connection to NATS. `clock_skew_seconds`: how much its clock is ahead of that of the node that responds, at least.
         */
        NodeStats: {
            node: string;
            /** @enum {string} */
            state: "draining" | "not_ready" | "ready" | "silent";
            version: string;
            connections: components["schemas"]["ConnectionCounts"];
            /** Format: int64 */
            users: number;
            /** Format: int64 */
            applied: number;
            /** Format: int64 */
            lag: number;
            /** @enum {string} */
            nats: "connected" | "disconnected";
            /** Format: double */
            uptimeSeconds: number;
            /** Format: double */
            seenSeconds: number;
            /**
             * Format: double
             * @default 0
             */
            clockSkewSeconds?: number;
        };
        /**
         * NodesAnswered
         * @description How many nodes of a cluster a number is of: of the `known` ones, `answered` did in time.
         *
         *     `silent` names the others; it is left out if there are none.
         */
        NodesAnswered: {
            /** Format: int64 */
            answered: number;
            /** Format: int64 */
            known: number;
            silent?: string[];
        };
        /**
         * Notification
         * @description Any notification, as a subscriber receives it.
         */
        Notification: components["schemas"]["OrderCreated"] | components["schemas"]["PaymentConfirmed"] | components["schemas"]["OrderUpdated"] | components["schemas"]["StockAlert"] | components["schemas"]["CartUpdated"] | components["schemas"]["ProductAdded"] | components["schemas"]["ProductUpdated"] | components["schemas"]["ProductDeleted"] | components["schemas"]["TransactionCreated"] | components["schemas"]["ProfileUpdated"] | components["schemas"]["ReturnRequested"] | components["schemas"]["ReturnResponded"] | components["schemas"]["ReplacementSent"] | components["schemas"]["DefectiveReceived"] | components["schemas"]["ExchangeValidated"] | components["schemas"]["ExchangeResolved"];
        /**
         * NotificationConfirmed
         * @description A user confirmed a notification in time; only sent to services that ask for it.
         */
        NotificationConfirmed: {
            /** @constant */
            type: "notification.confirmed";
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            data: components["schemas"]["ConfirmedData"];
        };
        /**
         * NotificationUnconfirmed
         * @description A user did not confirm a notification in time. It is sent at least once, always with the same `webhook-id`.
         */
        NotificationUnconfirmed: {
            /** @constant */
            type: "notification.unconfirmed";
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            data: components["schemas"]["UnconfirmedData"];
        };
        /**
         * ObservationEnd
         * @description The last event of a stream that the hub ends; come back.
         */
        ObservationEnd: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "closing";
            reason: string;
        };
        /**
         * ObservationEvent
         * @description One event of an operator's stream. Types may be added, so a client passes over a `type` it does not know.
         */
        ObservationEvent: components["schemas"]["Introduction"] | components["schemas"]["Figures"] | components["schemas"]["Feed"] | components["schemas"]["ObservationEnd"];
        /**
         * OrderCreated
         * @description Sent to buyer and seller when an order has been placed. Users cannot mute it. Pushed with the urgency `high`.
         * @example {
         *       "type": "order_created",
         *       "title": "Novo pedido",
         *       "message": "O pedido PED-1234 foi criado.",
         *       "data": {
         *         "orderId": 1234,
         *         "orderCode": "PED-1234",
         *         "items": [
         *           {
         *             "productId": 77,
         *             "name": "Caixa 30x20",
         *             "quantity": 2
         *           }
         *         ],
         *         "total": "R$ 59,80"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        OrderCreated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "order_created";
            title: string;
            message: string;
            data?: components["schemas"]["OrderData"];
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * OrderData
         * @description An order, as buyer and seller are told of it; `total` goes to the seller.
         */
        OrderData: {
            orderId?: number | string | null;
            orderCode?: number | string | null;
            items?: unknown[] | null;
            total?: number | string | null;
        };
        /**
         * OrderUpdateData
         * @description An order's new status: `processing`, `shipped`, `delivered`, `cancelled` or another word.
         */
        OrderUpdateData: {
            orderId?: number | string | null;
            orderCode?: number | string | null;
            status?: string | null;
            trackingCode?: number | string | null;
            items?: unknown[] | null;
        };
        /**
         * OrderUpdated
         * @description Sent to the buyer when an order's status changes. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `normal`.
         * @example {
         *       "type": "order_updated",
         *       "title": "Pedido enviado",
         *       "message": "O pedido PED-1234 está a caminho.",
         *       "data": {
         *         "orderId": 1234,
         *         "orderCode": "PED-1234",
         *         "status": "shipped",
         *         "trackingCode": "BR123456789"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        OrderUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "order_updated";
            title: string;
            message: string;
            data?: components["schemas"]["OrderUpdateData"];
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * OrdersUpdated
         * @description Sent to an account when one of its orders in AxCellOS changes.
         * @example {
         *       "type": "orders:updated",
         *       "data": {
         *         "id": 1234,
         *         "action": "updated"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "missed": 0
         *     }
         */
        OrdersUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "orders:updated";
            data?: components["schemas"]["ListChange"];
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            /**
             * Format: int64
             * @default 0
             */
            missed: number;
        };
        /**
         * Page
         * @description What came since a cursor, oldest first, and the cursor for the next request.
         *
         *     `frames` are the same bytes that a connection carries. With `resume` `gap` the only frame announces the gap.
         */
        Page: {
            frames: components["schemas"]["Frame"][];
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
            /** @enum {string} */
            resume: "gap" | "live" | "replayed";
        };
        /**
         * PaymentConfirmed
         * @description Sent to buyer and seller when an order has been paid. Users cannot mute it. Pushed with the urgency `high`.
         * @example {
         *       "type": "payment_confirmed",
         *       "title": "Pagamento confirmado",
         *       "message": "O pagamento do pedido PED-1234 foi confirmado.",
         *       "data": {
         *         "orderId": 1234,
         *         "orderCode": "PED-1234",
         *         "items": [
         *           {
         *             "productId": 77,
         *             "name": "Caixa 30x20",
         *             "quantity": 2
         *           }
         *         ]
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        PaymentConfirmed: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "payment_confirmed";
            title: string;
            message: string;
            data?: components["schemas"]["OrderData"];
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * Policy
         * @description What holds for every notification of one type.
         *
         *     `ttl_seconds`: how long it is delivered if the publish does not say; a publish may ask for less, and not for more. `inbox`: whether it is an item of the user's inbox. `collapse`: whether a publish may give a `collapse_key`, so that it takes the place of an older one. `confirm`: the deadline of a publish that names none. `mandatory`: whether users cannot mute the type. `push`: the urgency of its push messages.
         */
        Policy: {
            ttl_seconds?: number | null;
            /** @default true */
            inbox?: boolean;
            /** @default false */
            collapse?: boolean;
            confirm?: components["schemas"]["Confirm"] | null;
            /** @default false */
            mandatory?: boolean;
            /**
             * @default none
             * @enum {string}
             */
            push?: "high" | "low" | "none" | "normal" | "very-low";
        };
        /**
         * Preferences
         * @description The types that the user has muted, and all that there are.
         *
         *     Notifications of a muted type do not reach the user's connections, and are listed in the inbox like all others.
         */
        Preferences: {
            muted: string[];
            types: components["schemas"]["TypePreference"][];
        };
        /**
         * PreferencesChanged
         * @description Sent to the `hub.v1` clients of a user who has changed what they want to get: the types that are muted now.
         * @example {
         *       "type": "preferences",
         *       "muted": [
         *         "newsletter"
         *       ],
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        PreferencesChanged: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "preferences";
            muted: string[];
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * PreferencesRequest
         * @description The types that the user mutes from now on, in place of those that were muted before.
         */
        PreferencesRequest: {
            muted: string[];
        };
        /**
         * Problem
         * @description A failure that a program can act on.
         *
         *     `code` is stable, and programs compare it. `field` is the path of the wrong field, such as `$.data.items`. `known` lists the known notification types if the given one is unknown.
         */
        Problem: {
            type: string;
            title: string;
            /** Format: int64 */
            status: number;
            detail: string;
            code: string;
            field?: string;
            known?: string[];
        };
        /**
         * ProductAdded
         * @description Sent to the seller when a product joins the catalogue.
         * @example {
         *       "type": "product_added",
         *       "title": "Produto adicionado",
         *       "message": "O produto Caixa 30x20 foi adicionado ao catálogo.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ProductAdded: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "product_added";
            title: string;
            message: string;
            data?: components["schemas"]["ProductData"];
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * ProductData
         * @description A product that came, changed or went.
         */
        ProductData: {
            productId?: number | string | null;
            productName?: string | null;
        };
        /**
         * ProductDeleted
         * @description Sent to the seller when a product leaves the catalogue.
         * @example {
         *       "type": "product_deleted",
         *       "title": "Produto removido",
         *       "message": "O produto Caixa 30x20 foi removido do catálogo.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ProductDeleted: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "product_deleted";
            title: string;
            message: string;
            data?: components["schemas"]["ProductData"];
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * ProductUpdated
         * @description Sent to the seller when a product in the catalogue changes. With a `collapse_key` it takes the place of an older one.
         * @example {
         *       "type": "product_updated",
         *       "title": "Produto atualizado",
         *       "message": "O produto Caixa 30x20 foi atualizado.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ProductUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "product_updated";
            title: string;
            message: string;
            data?: components["schemas"]["ProductData"];
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * ProductsUpdated
         * @description Sent to an account when one of its products in AxCellOS changes.
         * @example {
         *       "type": "products:updated",
         *       "data": {
         *         "id": 5,
         *         "action": "deleted"
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "missed": 0
         *     }
         */
        ProductsUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "products:updated";
            data?: components["schemas"]["ListChange"];
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            /**
             * Format: int64
             * @default 0
             */
            missed: number;
        };
        /**
         * ProfileUpdated
         * @description Sent to a user when their profile changes. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `low`.
         * @example {
         *       "type": "profile_updated",
         *       "title": "Perfil atualizado",
         *       "message": "Seus dados foram atualizados.",
         *       "data": {
         *         "fields": [
         *           "phone"
         *         ]
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ProfileUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "profile_updated";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * PublishCartUpdated
         * @description Sent to a user when their cart changes. Delivered for at most 86400 seconds. Not listed in the inbox. With a `collapse_key` it takes the place of an older one.
         * @example {
         *       "type": "cart_updated",
         *       "title": "Carrinho atualizado",
         *       "message": "Seu carrinho tem 2 itens.",
         *       "data": {
         *         "itemCount": 2
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishCartUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "cart_updated";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishDefectiveReceived
         * @description Sent to the buyer when the seller has received the defective item. Pushed with the urgency `low`.
         * @example {
         *       "type": "defective_received",
         *       "title": "Item recebido",
         *       "message": "O vendedor recebeu o item com defeito.",
         *       "data": {
         *         "returnId": 41
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishDefectiveReceived: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "defective_received";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishExchangeResolved
         * @description Sent to the seller when an exchange is closed: `data.status` says whether it was paid for or sent back. Pushed with the urgency `normal`.
         * @example {
         *       "type": "exchange_resolved",
         *       "title": "Troca concluída",
         *       "message": "A troca do pedido PED-1234 foi concluída.",
         *       "data": {
         *         "exchangeId": 12
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishExchangeResolved: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "exchange_resolved";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishExchangeValidated
         * @description Sent to the buyer when an exchange has been checked: `data.status` says whether it was approved or refused. Pushed with the urgency `normal`.
         * @example {
         *       "type": "exchange_validated",
         *       "title": "Troca validada",
         *       "message": "Sua troca foi validada.",
         *       "data": {
         *         "exchangeId": 12
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishExchangeValidated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "exchange_validated";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishOrderCreated
         * @description Sent to buyer and seller when an order has been placed. Users cannot mute it. Pushed with the urgency `high`.
         * @example {
         *       "type": "order_created",
         *       "title": "Novo pedido",
         *       "message": "O pedido PED-1234 foi criado.",
         *       "data": {
         *         "orderId": 1234,
         *         "orderCode": "PED-1234",
         *         "items": [
         *           {
         *             "productId": 77,
         *             "name": "Caixa 30x20",
         *             "quantity": 2
         *           }
         *         ],
         *         "total": "R$ 59,80"
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishOrderCreated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "order_created";
            title: string;
            message: string;
            data?: components["schemas"]["OrderData"] | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishOrderUpdated
         * @description Sent to the buyer when an order's status changes. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `normal`.
         * @example {
         *       "type": "order_updated",
         *       "title": "Pedido enviado",
         *       "message": "O pedido PED-1234 está a caminho.",
         *       "data": {
         *         "orderId": 1234,
         *         "orderCode": "PED-1234",
         *         "status": "shipped",
         *         "trackingCode": "BR123456789"
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishOrderUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "order_updated";
            title: string;
            message: string;
            data?: components["schemas"]["OrderUpdateData"] | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishPaymentConfirmed
         * @description Sent to buyer and seller when an order has been paid. Users cannot mute it. Pushed with the urgency `high`.
         * @example {
         *       "type": "payment_confirmed",
         *       "title": "Pagamento confirmado",
         *       "message": "O pagamento do pedido PED-1234 foi confirmado.",
         *       "data": {
         *         "orderId": 1234,
         *         "orderCode": "PED-1234",
         *         "items": [
         *           {
         *             "productId": 77,
         *             "name": "Caixa 30x20",
         *             "quantity": 2
         *           }
         *         ]
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishPaymentConfirmed: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "payment_confirmed";
            title: string;
            message: string;
            data?: components["schemas"]["OrderData"] | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishProductAdded
         * @description Sent to the seller when a product joins the catalogue.
         * @example {
         *       "type": "product_added",
         *       "title": "Produto adicionado",
         *       "message": "O produto Caixa 30x20 foi adicionado ao catálogo.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20"
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishProductAdded: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "product_added";
            title: string;
            message: string;
            data?: components["schemas"]["ProductData"] | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishProductDeleted
         * @description Sent to the seller when a product leaves the catalogue.
         * @example {
         *       "type": "product_deleted",
         *       "title": "Produto removido",
         *       "message": "O produto Caixa 30x20 foi removido do catálogo.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20"
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishProductDeleted: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "product_deleted";
            title: string;
            message: string;
            data?: components["schemas"]["ProductData"] | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishProductUpdated
         * @description Sent to the seller when a product in the catalogue changes. With a `collapse_key` it takes the place of an older one.
         * @example {
         *       "type": "product_updated",
         *       "title": "Produto atualizado",
         *       "message": "O produto Caixa 30x20 foi atualizado.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20"
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishProductUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "product_updated";
            title: string;
            message: string;
            data?: components["schemas"]["ProductData"] | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishProfileUpdated
         * @description Sent to a user when their profile changes. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `low`.
         * @example {
         *       "type": "profile_updated",
         *       "title": "Perfil atualizado",
         *       "message": "Seus dados foram atualizados.",
         *       "data": {
         *         "fields": [
         *           "phone"
         *         ]
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishProfileUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "profile_updated";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishReplacementSent
         * @description Sent to the buyer when a replacement is on its way. Pushed with the urgency `normal`.
         * @example {
         *       "type": "replacement_sent",
         *       "title": "Reposição enviada",
         *       "message": "A reposição do pedido PED-1234 foi enviada.",
         *       "data": {
         *         "returnId": 41
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishReplacementSent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "replacement_sent";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishRequest
         * @description One notification and its targets.
         *
         *     `user_id` with `account_id` is that user; `user_id` alone is looked up in the directory; `user_ids` are several users, all in `account_id` if that is given; `account_id` alone is all users of the account; `everyone` excludes the others. The hub keeps `data` as the received bytes; the receipt warns if its shape is not its type's. A `timestamp` needs its offset from UTC. `ttl_seconds` is how long the hub replays the notification. With `collapse_key` it takes the place of an older one with the same type, key and targets, where the policy of the type allows that: connections that were open have got both, and nobody gets the older one any more. `link` is where a click leads: a path of the frontend's own origin, or a URL of an origin that the hub's settings allow. `confirm` is until when each of the users has to have got or read it; the service's webhook is called for those who have not.
         */
        PublishRequest: components["schemas"]["PublishOrderCreated"] | components["schemas"]["PublishPaymentConfirmed"] | components["schemas"]["PublishOrderUpdated"] | components["schemas"]["PublishStockAlert"] | components["schemas"]["PublishCartUpdated"] | components["schemas"]["PublishProductAdded"] | components["schemas"]["PublishProductUpdated"] | components["schemas"]["PublishProductDeleted"] | components["schemas"]["PublishTransactionCreated"] | components["schemas"]["PublishProfileUpdated"] | components["schemas"]["PublishReturnRequested"] | components["schemas"]["PublishReturnResponded"] | components["schemas"]["PublishReplacementSent"] | components["schemas"]["PublishDefectiveReceived"] | components["schemas"]["PublishExchangeValidated"] | components["schemas"]["PublishExchangeResolved"];
        /**
         * PublishReturnRequested
         * @description Sent to the seller when a buyer asks to return something. Pushed with the urgency `normal`.
         * @example {
         *       "type": "return_requested",
         *       "title": "Devolução solicitada",
         *       "message": "O comprador pediu a devolução do pedido PED-1234.",
         *       "data": {
         *         "returnId": 41
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishReturnRequested: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "return_requested";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishReturnResponded
         * @description Sent to the buyer when the seller responds to a return: `data.status` says whether it was accepted or refused. Pushed with the urgency `normal`.
         * @example {
         *       "type": "return_responded",
         *       "title": "Devolução respondida",
         *       "message": "O vendedor respondeu à sua devolução.",
         *       "data": {
         *         "returnId": 41,
         *         "accepted": true
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishReturnResponded: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "return_responded";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishStockAlert
         * @description Sent to the seller when a product's stock falls to its minimum. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `normal`.
         * @example {
         *       "type": "stock_alert",
         *       "title": "Estoque baixo",
         *       "message": "Restam 3 unidades de Caixa 30x20.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20",
         *         "currentStock": 3,
         *         "minStock": 5
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishStockAlert: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "stock_alert";
            title: string;
            message: string;
            data?: components["schemas"]["StockData"] | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PublishTransactionCreated
         * @description Sent to a user when a transaction is entered in their books. Pushed with the urgency `low`.
         * @example {
         *       "type": "transaction_created",
         *       "title": "Nova transação",
         *       "message": "Uma transação de R$ 59,80 foi registrada.",
         *       "data": {
         *         "transactionId": 981
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishTransactionCreated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "transaction_created";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            } | null;
            link?: string | null;
            timestamp?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            ttl_seconds?: number | null;
            collapse_key?: string | null;
            confirm?: components["schemas"]["Confirm"] | null;
        };
        /**
         * PushFigures
         * @description What Web Push has to do at this moment, and what it has done since the hub's start.
         *
         *     `users` have `subscriptions`, one for each browser. `sending` messages are on their way; `waiting` ones wait for another attempt. `behind`: what is due is read from the log. `outcomes` counts messages that ended, `failures` attempts without success by status or reason. `services` are the push services with the most messages on their way. In a cluster one node sends at a time, and these are the figures of the node that was asked.
         */
        PushFigures: {
            /** Format: int64 */
            subscriptions: number;
            /** Format: int64 */
            users: number;
            /** Format: int64 */
            sending: number;
            /** Format: int64 */
            waiting: number;
            behind: boolean;
            outcomes: {
                [key: string]: number;
            };
            failures: {
                [key: string]: number;
            };
            services: components["schemas"]["PushServiceFigures"][];
        };
        /**
         * PushKey
         * @description The hub's public key, base64url: the `applicationServerKey` of `pushManager.subscribe()`.
         */
        PushKey: {
            public_key: string;
        };
        /**
         * PushMessage
         * @description What a service worker gets: as much of a notification as there is room for.
         *
         *     `title` and `message` may have been cut, and end with an ellipsis then. `cursor` is the notification's own.
         */
        PushMessage: {
            id: string;
            type: string;
            title: string;
            message: string;
            cursor: string;
            /** @default  */
            link?: string;
            /** @default  */
            timestamp?: string;
        };
        /**
         * PushServiceFigures
         * @description One push service, by its origin, and how many messages are on their way to it.
         */
        PushServiceFigures: {
            origin: string;
            /** Format: int64 */
            sending: number;
        };
        /**
         * PushSubscription
         * @description A browser's subscription, as its `PushSubscription.toJSON()` has it (W3C Push API).
         *
         *     `endpoint` is an https URL of the browser's push service. Fields that are not named here are passed over, since a browser may add some.
         */
        PushSubscription: {
            /** @example https://updates.push.services.mozilla.com/wpush/v2/g */
            endpoint: string;
            keys: components["schemas"]["PushSubscriptionKeys"];
        };
        /**
         * PushSubscriptionKeys
         * @description The browser's keys, base64url: a point on P-256 with 65 bytes, and a secret of 16 bytes (RFC 8291).
         */
        PushSubscriptionKeys: {
            p256dh: string;
            auth: string;
        };
        /**
         * PushUnsubscribe
         * @description The subscription that ends, by its endpoint.
         */
        PushUnsubscribe: {
            /** @example https://updates.push.services.mozilla.com/wpush/v2/g */
            endpoint: string;
        };
        /**
         * Pushes
         * @description What became of its messages to browsers (Web Push), counted by outcome as in `PushFigures`.
         *
         *     There is one message for each subscription of a user, and none for users who had got it (`confirmed`), have read it (`read`) or have muted its type (`muted`), who are counted once. `sent`: a push service took it; it does not say that a person has seen it. `pending` are on their way, or wait for another attempt.
         */
        Pushes: {
            outcomes: {
                [key: string]: number;
            };
            /** Format: int64 */
            pending: number;
        };
        /**
         * Readiness
         * @description Whether the hub accepts new work, and the state of each part.
         *
         *     A `directory` that is `down` does not make the hub unready, unless it has not responded once since the start. `cluster` is left out by a hub alone.
         */
        Readiness: {
            ready: boolean;
            draining: boolean;
            log: string;
            dispatcher: string;
            directory: string;
            cluster?: components["schemas"]["NodeReadiness"];
        };
        /**
         * Reason
         * @description One reason why a user would get a notification, or why not; programs compare `code`.
         */
        Reason: {
            /** @enum {string} */
            code: "account_inactive" | "account_not_given" | "catching_up" | "connected" | "directory_unavailable" | "muted" | "no_account" | "node_silent" | "not_addressed" | "not_connected" | "other_account" | "refused" | "unknown_user" | "user_inactive";
            detail: string;
        };
        /**
         * Receipt
         * @description The notification is on disk under `id`, at `cursor`.
         *
         *     `duplicate`: it was already there, from an earlier request with the same Idempotency-Key. `connections` is how many connections matched at that moment; it is not a promise of delivery. In a cluster it is the sum of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out. `warnings` names the fields of `data` that have another type than declared; it is left out if there are none.
         */
        Receipt: {
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
            duplicate: boolean;
            /** Format: int64 */
            connections: number;
            nodes?: components["schemas"]["NodesAnswered"];
            warnings?: components["schemas"]["FieldWarning"][];
        };
        /**
         * Reconnect
         * @description Sent before a shutdown: the client reconnects with its cursor at a random moment within these seconds.
         * @example {
         *       "type": "reconnect",
         *       "withinSeconds": 20
         *     }
         */
        Reconnect: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "reconnect";
            /** Format: double */
            withinSeconds: number;
        };
        /**
         * RelayFigures
         * @description What a relay of `service` reported last, and when; `overdue`: several reports have not come since.
         */
        RelayFigures: {
            service: string;
            instance: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            at: string;
            overdue: boolean;
            /** Format: int64 */
            waiting_rows: number;
            /** Format: int64 */
            dead_rows: number;
            /** Format: double */
            oldest_waiting_seconds: number;
            /** Format: int64 */
            published: number;
        };
        /**
         * RelayReport
         * @description One relay at this moment: the rows of its table that wait and that are dead, and how long the oldest has waited.
         *
         *     `instance` tells the relays of one service apart, and is new with each start. `published` counts rows since then. The next report comes within `interval_seconds`; `ends`: there is none, since the relay was stopped.
         */
        RelayReport: {
            /** @example 9f2c5d0e81b3a467 */
            instance: string;
            /** Format: int64 */
            waiting_rows: number;
            /** Format: int64 */
            dead_rows: number;
            /** Format: double */
            oldest_waiting_seconds: number;
            /** Format: int64 */
            published: number;
            /** Format: double */
            interval_seconds: number;
            /** @default false */
            ends?: boolean;
        };
        /**
         * ReplacementSent
         * @description Sent to the buyer when a replacement is on its way. Pushed with the urgency `normal`.
         * @example {
         *       "type": "replacement_sent",
         *       "title": "Reposição enviada",
         *       "message": "A reposição do pedido PED-1234 foi enviada.",
         *       "data": {
         *         "returnId": 41
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ReplacementSent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "replacement_sent";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * Replays
         * @description How often it was handed over later: from the log to a connection that resumed, and in a page.
         *
         *     A page is a response of `/poll`, or of a reader of Durable Streams.
         */
        Replays: {
            /** Format: int64 */
            connections: number;
            /** Format: int64 */
            polls: number;
        };
        /**
         * ReturnRequested
         * @description Sent to the seller when a buyer asks to return something. Pushed with the urgency `normal`.
         * @example {
         *       "type": "return_requested",
         *       "title": "Devolução solicitada",
         *       "message": "O comprador pediu a devolução do pedido PED-1234.",
         *       "data": {
         *         "returnId": 41
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ReturnRequested: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "return_requested";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * ReturnResponded
         * @description Sent to the buyer when the seller responds to a return: `data.status` says whether it was accepted or refused. Pushed with the urgency `normal`.
         * @example {
         *       "type": "return_responded",
         *       "title": "Devolução respondida",
         *       "message": "O vendedor respondeu à sua devolução.",
         *       "data": {
         *         "returnId": 41,
         *         "accepted": true
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        ReturnResponded: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "return_responded";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * SendCustomersUpdated
         * @description Sent to an account when one of its customers in AxCellOS changes.
         * @example {
         *       "type": "customers:updated",
         *       "data": {
         *         "id": 77,
         *         "action": "created"
         *       },
         *       "account_id": "account-1"
         *     }
         */
        SendCustomersUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "customers:updated";
            collapse_key?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            data?: components["schemas"]["ListChange"] | null;
        };
        /**
         * SendOrdersUpdated
         * @description Sent to an account when one of its orders in AxCellOS changes.
         * @example {
         *       "type": "orders:updated",
         *       "data": {
         *         "id": 1234,
         *         "action": "updated"
         *       },
         *       "account_id": "account-1"
         *     }
         */
        SendOrdersUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "orders:updated";
            collapse_key?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            data?: components["schemas"]["ListChange"] | null;
        };
        /**
         * SendProductsUpdated
         * @description Sent to an account when one of its products in AxCellOS changes.
         * @example {
         *       "type": "products:updated",
         *       "data": {
         *         "id": 5,
         *         "action": "deleted"
         *       },
         *       "account_id": "account-1"
         *     }
         */
        SendProductsUpdated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "products:updated";
            collapse_key?: string | null;
            user_id?: string | null;
            account_id?: string | null;
            user_ids?: string[] | null;
            /** @default false */
            everyone?: boolean;
            data?: components["schemas"]["ListChange"] | null;
        };
        /**
         * SignalReceipt
         * @description The signal was handed over, and is not kept: it has no id and no cursor, and nobody gets it later.
         *
         *     `connections` is how many connections it was handed to, or is held for until they take more. In a cluster it is the sum of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out.
         */
        SignalReceipt: {
            ephemeral: boolean;
            /** Format: int64 */
            connections: number;
            nodes?: components["schemas"]["NodesAnswered"];
            warnings?: components["schemas"]["FieldWarning"][];
        };
        /**
         * SignalRequest
         * @description One signal and its targets, which are named as those of a notification.
         *
         *     `collapse_key` names what changed, such as an order: of several signals with one type and key, a client that takes too little gets the newest. Without it, signals with the same `data` count as one.
         */
        SignalRequest: components["schemas"]["SendOrdersUpdated"] | components["schemas"]["SendCustomersUpdated"] | components["schemas"]["SendProductsUpdated"];
        /**
         * Stats
         * @description Connections, users and totals; exact, not sampled.
         *
         *     `refusals` are the connections refused since the start by the code of their problem; `totals.refused` is their sum.
         *
         *     In a cluster every number is the sum over the nodes that are not `silent` in `nodes`, and a user who is connected to two of them counts twice in `unique_users`: `users_are_distinct` is false there. A hub alone leaves both out.
         */
        Stats: {
            /** Format: int64 */
            totalConnections: number;
            connectionsByAccount: {
                [key: string]: number;
            };
            connections: components["schemas"]["ConnectionCounts"];
            /** Format: int64 */
            uniqueUsers: number;
            /** Format: double */
            uptimeSeconds: number;
            totals: components["schemas"]["Totals"];
            /** @default {} */
            refusals?: {
                [key: string]: number;
            };
            nodes?: components["schemas"]["NodeStats"][];
            usersAreDistinct?: boolean;
        };
        /**
         * StockAlert
         * @description Sent to the seller when a product's stock falls to its minimum. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `normal`.
         * @example {
         *       "type": "stock_alert",
         *       "title": "Estoque baixo",
         *       "message": "Restam 3 unidades de Caixa 30x20.",
         *       "data": {
         *         "productId": 77,
         *         "productName": "Caixa 30x20",
         *         "currentStock": 3,
         *         "minStock": 5
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        StockAlert: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "stock_alert";
            title: string;
            message: string;
            data?: components["schemas"]["StockData"];
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * StockData
         * @description A product whose stock is low.
         */
        StockData: {
            productId?: number | string | null;
            productName?: string | null;
            currentStock?: number | null;
            minStock?: number | null;
        };
        /**
         * Storage
         * @description Where the notification is in the log, and when it was written there.
         */
        Storage: {
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
            /** Format: int64 */
            position: number;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            at: string;
        };
        /**
         * Superseded
         * @description A newer notification with the same `collapse_key` has taken its place: the cursor of that one.
         *
         *     Connections that were open have got both. No replay, page or inbox has this one any more.
         */
        Superseded: {
            /** @example k3v9q2m7xa-1z8 */
            by: string;
        };
        /**
         * TargetView
         * @description One target, as far as the service key may see it; ids are masked unless the key has the right `observe_ids`.
         */
        TargetView: {
            /** @enum {string} */
            kind: "account" | "everyone" | "user";
            account_id?: string;
            user_id?: string;
        };
        /**
         * Ticket
         * @description A ticket that replaces a token in a URL, once, within `expires_in` seconds.
         */
        Ticket: {
            ticket: string;
            /** Format: int64 */
            expiresIn: number;
        };
        /**
         * Totals
         * @description What happened since the hub started.
         *
         *     `deliveries` are frames handed to a connection, `replays` connections that resumed with a cursor, `gaps` those of them that the log could not serve completely, `drops` connections closed for being slow.
         */
        Totals: {
            /** Format: int64 */
            connected: number;
            /** Format: int64 */
            disconnected: number;
            /** Format: int64 */
            refused: number;
            /** Format: int64 */
            published: number;
            /** Format: int64 */
            duplicates: number;
            /** Format: int64 */
            deliveries: number;
            /** Format: int64 */
            replays: number;
            /** Format: int64 */
            gaps: number;
            /** Format: int64 */
            drops: number;
        };
        /**
         * Trace
         * @description What the hub knows of one notification. A step that is left out is named in `unknown`.
         *
         *     `targets` has the first 100 of `target_count`. With `expires_at` in the past (`expired`) nobody gets it any more. `trace_id` is the OpenTelemetry trace of its publish (W3C Trace Context), while the hub traces and remembers it. Of users who had to confirm it, `awaited` has those who still can, and `acknowledged`, `read` and `escalated` those who did in one of these ways, or did not in time; `webhooks` is what the service was told of them. `counted_since` is when the counts of `dispatched`, `replayed` and `pushed` begin: the hub keeps them in memory. In a cluster they are sums of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out.
         */
        Trace: {
            id: string;
            type: string;
            targets: components["schemas"]["TargetView"][];
            /** Format: int64 */
            target_count: number;
            /** @example 4bf92f3577b34da6a3ce929d0e0e4736 */
            trace_id?: string;
            accepted?: components["schemas"]["Acceptance"];
            stored: components["schemas"]["Storage"];
            dispatched?: components["schemas"]["Dispatch"];
            replayed?: components["schemas"]["Replays"];
            pushed?: components["schemas"]["Pushes"];
            superseded?: components["schemas"]["Superseded"];
            awaited?: components["schemas"]["Confirmation"][];
            acknowledged?: components["schemas"]["Confirmation"][];
            read?: components["schemas"]["Confirmation"][];
            escalated?: components["schemas"]["Confirmation"][];
            webhooks?: components["schemas"]["WebhookView"][];
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            expires_at?: string;
            expired: boolean;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            counted_since: string;
            nodes?: components["schemas"]["NodesAnswered"];
            unknown: components["schemas"]["Unknown"][];
        };
        /**
         * TransactionCreated
         * @description Sent to a user when a transaction is entered in their books. Pushed with the urgency `low`.
         * @example {
         *       "type": "transaction_created",
         *       "title": "Nova transação",
         *       "message": "Uma transação de R$ 59,80 foi registrada.",
         *       "data": {
         *         "transactionId": 981
         *       },
         *       "timestamp": "2026-11-22T14:03:07.125Z",
         *       "id": "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77",
         *       "cursor": "k3v9q2m7xa-1z8"
         *     }
         */
        TransactionCreated: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "transaction_created";
            title: string;
            message: string;
            data?: {
                [key: string]: unknown;
            };
            /** @example /orders/1234 */
            link?: string;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            timestamp: string;
            collapse_id?: string;
            id: string;
            /** @example k3v9q2m7xa-1z8 */
            cursor: string;
        };
        /**
         * TypePreference
         * @description One type that the hub knows; a `mandatory` one cannot be muted.
         */
        TypePreference: {
            type: string;
            mandatory: boolean;
            muted: boolean;
        };
        /**
         * UnconfirmedData
         * @description The user who did not confirm, and the notification as it was delivered, without its cursor.
         *
         *     `by` and `within_seconds` are what was to be confirmed and until when; `deadline` is that moment. `notification` has `id` and `type` alone where the hub does not keep it any more. `superseded` has the ids of older notifications whose place this one has taken: what was to be confirmed of them ended with it, and is not told again.
         */
        UnconfirmedData: {
            notification: {
                [key: string]: unknown;
            };
            account_id: string;
            user_id: string;
            /** @enum {string} */
            by: "delivered" | "read";
            /** Format: int64 */
            within_seconds: number;
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            deadline: string;
            /** @default [] */
            superseded?: string[];
        };
        /**
         * Unknown
         * @description A step that this response says nothing about, and why the hub cannot tell.
         */
        Unknown: {
            /** @enum {string} */
            step: "accepted" | "acknowledged" | "dispatched" | "escalated" | "pushed" | "read" | "replayed" | "webhooks";
            why: string;
        };
        /**
         * UserConnection
         * @description One open connection; `state` replaying: it is being brought what it missed. `waiting_bytes` are not taken yet.
         *
         *     `account_id` is masked unless it was asked for or may be seen. `node` is the one it is connected to; a hub alone leaves it out.
         */
        UserConnection: {
            id: string;
            account_id: string;
            role: string;
            /** @enum {string} */
            transport: "durable-streams" | "sse" | "websocket";
            /** @enum {string} */
            protocol: "hub.v1" | "plain";
            /** @enum {string} */
            state: "closed" | "live" | "replaying";
            cursor: string;
            /** Format: int64 */
            waiting_bytes: number;
            expires_at: string;
            node?: string;
        };
        /**
         * UserExplanation
         * @description Whether one user would get the notification, and every reason that the hub knows.
         */
        UserExplanation: {
            /** @enum {string} */
            delivery: "no" | "now" | "on_return" | "unknown";
            reasons: components["schemas"]["Reason"][];
            connections: components["schemas"]["ConnectionCounts"];
        };
        /**
         * WebhookAttempt
         * @description One attempt to deliver a webhook: `outcome` is the status of the response, or why there was none.
         *
         *     `started`: it has no outcome yet, or the hub ended before there was one.
         */
        WebhookAttempt: {
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            at: string;
            outcome: string;
        };
        /**
         * WebhookPage
         * @description Webhooks of one state: those that are due next, or that died first. `more`: there are others.
         */
        WebhookPage: {
            webhooks: components["schemas"]["WebhookView"][];
            more: boolean;
        };
        /**
         * WebhookRepeated
         * @description The webhook is tried again at once.
         */
        WebhookRepeated: {
            id: string;
            /** @enum {string} */
            state: "dead" | "delivered" | "waiting";
        };
        /**
         * WebhookView
         * @description One webhook: for whom it is, how often it was tried, and the newest of its attempts.
         *
         *     `next_attempt_at` is there while it waits.
         */
        WebhookView: {
            id: string;
            /** @enum {string} */
            event: "notification.confirmed" | "notification.unconfirmed";
            service: string;
            notification_id: string;
            user: components["schemas"]["TargetView"];
            /** @enum {string} */
            state: "dead" | "delivered" | "waiting";
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            created_at: string;
            /** Format: int64 */
            attempts: number;
            last_attempts: components["schemas"]["WebhookAttempt"][];
            /**
             * Format: date-time
             * @example 2026-11-22T14:03:07.125Z
             */
            next_attempt_at?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    publishNotification: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a repeat safe: for 24 hours the same key with the same body gets the first receipt again, with `duplicate: true`. Each service has its own keys. In a batch the key of each notification is this key and its index. */
                "Idempotency-Key"?: string;
                /** @description The trace that this publish belongs to (W3C Trace Context), if the hub traces (`HUB_TRACING`). Otherwise, and if it is not valid, it is passed over. */
                traceparent?: string;
                /** @description What tracing systems say of that trace (W3C Trace Context); it goes with `traceparent`. */
                tracestate?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PublishRequest"];
            };
        };
        responses: {
            /** @description The notification is on disk and will be delivered. */
            202: {
                headers: {
                    /** @description The trace and the span of this publish (W3C Trace Context Level 2), if the hub traces. */
                    traceresponse?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Receipt"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range; The notification type is not known; The notification type is sent by the hub alone; The notification names nobody to send it to; The targets exclude each other */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A target cannot be resolved; This Idempotency-Key was used with another body */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be written; The hub has too much to do; The hub is restarting; Users cannot be looked up */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    publishBatch: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a repeat safe: for 24 hours the same key with the same body gets the first receipt again, with `duplicate: true`. Each service has its own keys. In a batch the key of each notification is this key and its index. */
                "Idempotency-Key"?: string;
                /** @description The trace that this publish belongs to (W3C Trace Context), if the hub traces (`HUB_TRACING`). Otherwise, and if it is not valid, it is passed over. */
                traceparent?: string;
                /** @description What tracing systems say of that trace (W3C Trace Context); it goes with `traceparent`. */
                tracestate?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "notifications": [
                 *         {
                 *           "type": "order_created",
                 *           "title": "Novo pedido",
                 *           "message": "O pedido PED-1234 foi criado.",
                 *           "data": {
                 *             "orderId": 1234,
                 *             "orderCode": "PED-1234",
                 *             "items": [
                 *               {
                 *                 "productId": 77,
                 *                 "name": "Caixa 30x20",
                 *                 "quantity": 2
                 *               }
                 *             ],
                 *             "total": "R$ 59,80"
                 *           },
                 *           "user_id": "user-1",
                 *           "account_id": "account-1"
                 *         },
                 *         {
                 *           "type": "payment_confirmed",
                 *           "title": "Pagamento confirmado",
                 *           "message": "O pagamento do pedido PED-1234 foi confirmado.",
                 *           "data": {
                 *             "orderId": 1234,
                 *             "orderCode": "PED-1234",
                 *             "items": [
                 *               {
                 *                 "productId": 77,
                 *                 "name": "Caixa 30x20",
                 *                 "quantity": 2
                 *               }
                 *             ]
                 *           },
                 *           "user_id": "user-1",
                 *           "account_id": "account-1"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["BatchRequest"];
            };
        };
        responses: {
            /** @description A receipt or a problem for each notification. */
            202: {
                headers: {
                    /** @description The trace and the span of this publish (W3C Trace Context Level 2), if the hub traces. */
                    traceresponse?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchReceipt"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be written; The hub has too much to do; The hub is restarting; Users cannot be looked up */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendSignal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignalRequest"];
            };
        };
        responses: {
            /** @description The signal was handed over; nobody gets it later. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalReceipt"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range; The notification type is not known; The notification type is sent by the hub alone; The notification names nobody to send it to; The targets exclude each other */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A target cannot be resolved */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub has too much to do; The hub is restarting; Users cannot be looked up */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openWebSocket: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
                /** @description The last cursor that the client has processed; everything for the user since then comes first. If the log can no longer serve this cursor, a `gap` frame comes first. */
                cursor?: string;
                /** @description The types of signals that the client wants, separated by commas; without it, it gets none. Over `/ws` only clients of `hub.v1` get any. `/poll` has none. */
                signals?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection is now a WebSocket. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request cannot be used; This is not a cursor of a hub */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active; The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This is for WebSocket handshakes of version 13 */
            426: {
                headers: {
                    /** @description `websocket` */
                    Upgrade?: string;
                    /** @description `13` */
                    "Sec-WebSocket-Version"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The hub holds as many connections as it may; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openEventStream: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
                /** @description The last cursor that the client has processed; everything for the user since then comes first. If the log can no longer serve this cursor, a `gap` frame comes first. */
                cursor?: string;
                /** @description The types of signals that the client wants, separated by commas; without it, it gets none. Over `/ws` only clients of `hub.v1` get any. `/poll` has none. */
                signals?: string;
                /** @description `hub.v1`: the client knows every control frame, and gets those that tell of the user's state, such as `inbox`. Any other value counts as none. A WebSocket says so by its subprotocol. */
                protocol?: string;
            };
            header?: {
                /** @description The cursor, as `EventSource` sends it by itself when it reconnects; it wins over `cursor`. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description The request cannot be used; This is not a cursor of a hub */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active; The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The hub holds as many connections as it may; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    pollFrames: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
                /** @description The last cursor that the client has processed; everything for the user since then comes first. If the log can no longer serve this cursor, a `gap` frame comes first. */
                cursor?: string;
                /** @description `hub.v1`: the client knows every control frame, and gets those that tell of the user's state, such as `inbox`. Any other value counts as none. A WebSocket says so by its subprotocol. */
                protocol?: string;
            };
            header?: {
                /** @description The cursor, as `EventSource` sends it by itself when it reconnects; it wins over `cursor`. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was missed, in order. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page"];
                };
            };
            /** @description The request cannot be used; This is not a cursor of a hub */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active; The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The hub is restarting; The log cannot be written */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readStream: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
                /** @description Where to read from: a `Stream-Next-Offset` of the hub or any cursor; `-1`, or none, for the oldest notification that the log keeps; `now` for what comes from now on. Needed for a live read. */
                offset?: string;
                /** @description How to wait for more: `sse` for a response that stays, `long-poll` for one that comes when there is something, or after a while with 204. */
                live?: "sse" | "long-poll";
                /** @description The last `Stream-Cursor` of a live read. It is a number that keeps responses of different times apart, and not a cursor of the hub. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The frames after the offset, in order. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Frame"][];
                };
            };
            /** @description Nothing came while a long-poll waited. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The client has this content: its `If-None-Match` names the `ETag`. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request cannot be used; This is not a cursor of a hub */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active; The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log no longer holds all that follows this offset */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This user has as many connections as one may have */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The hub holds as many connections as it may; The hub is restarting; The log cannot be written; The hub has too much to do */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getInbox: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
                /** @description How many notifications the page has at most. */
                limit?: number;
                /** @description The `next` of the page before, or any cursor: older ones than this. */
                before?: string;
                /** @description Unread ones alone. */
                unread?: boolean;
                /** @description Those of this type alone. */
                type?: string;
                /** @description The archived ones, which no other page has. */
                archived?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the inbox. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InboxNotifications"];
                };
            };
            /** @description The request cannot be used; A field has a value of the wrong type or range; This is not a cursor of a hub */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This hub keeps no inbox (HUB_INBOX=off) */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The log cannot be written; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeInbox: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "read": [
                 *         "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["InboxChange"];
            };
        };
        responses: {
            /** @description How many are unread now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InboxCount"];
                };
            };
            /** @description The request cannot be used; A field has a value of the wrong type or range; This is not a cursor of a hub; The body is not valid JSON in UTF-8; The body is nested too deeply */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This hub keeps no inbox (HUB_INBOX=off) */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The inbox has no notification with this id */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The log cannot be written; The hub is restarting; The hub has too much to do */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    issueTicket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The ticket. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ticket"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPreferences: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the user has muted. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Preferences"];
                };
            };
            /** @description The request cannot be used */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active; The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setPreferences: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "muted": [
                 *         "order_updated"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["PreferencesRequest"];
            };
        };
        responses: {
            /** @description What the user has muted now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Preferences"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range; The notification type is not known */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active; The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Notifications of this type cannot be muted */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The log cannot be written; The hub has too much to do; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPushKey: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The public key. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushKey"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This hub has no Web Push */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    subscribeToPush: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "endpoint": "https://push.example.com/v2/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
                 *       "expirationTime": null,
                 *       "keys": {
                 *         "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                 *         "auth": "BTBZMqHH6r4Tts7J_aSIgg"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PushSubscription"];
            };
        };
        responses: {
            /** @description The browser is subscribed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This hub has no Web Push */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The log cannot be written; The hub has too much to do; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    unsubscribeFromPush: {
        parameters: {
            query?: {
                /** @description A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in logs. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "endpoint": "https://push.example.com/v2/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"
                 *     }
                 */
                "application/json": components["schemas"]["PushUnsubscribe"];
            };
        };
        responses: {
            /** @description The user has no such subscription. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This hub has no Web Push */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The log cannot be written; The hub has too much to do; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readStats: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The numbers at this moment. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stats"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    explainNotification: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a repeat safe: for 24 hours the same key with the same body gets the first receipt again, with `duplicate: true`. Each service has its own keys. In a batch the key of each notification is this key and its index. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExplainRequest"];
            };
        };
        responses: {
            /** @description What the publish would do. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub has too much to do; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    forgetUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user_id": "user-1",
                 *       "account_id": "account-1"
                 *     }
                 */
                "application/json": components["schemas"]["ForgetRequest"];
            };
        };
        responses: {
            /** @description What was removed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ForgetReceipt"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be written; The hub has too much to do; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    traceNotification: {
        parameters: {
            query?: {
                /** @description The cursor of its receipt, if it is known: then the log is not searched. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The notification's id, from its receipt or its frame. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What became of it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Trace"];
                };
            };
            /** @description The request cannot be used; This is not a cursor of a hub */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be written */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disconnect: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user_id": "user-1",
                 *       "account_id": "account-1",
                 *       "revoke": true
                 *     }
                 */
                "application/json": components["schemas"]["DisconnectRequest"];
            };
        };
        responses: {
            /** @description How many connections were closed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DisconnectReceipt"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range; The notification names nobody to send it to; The targets exclude each other */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be written; The hub has too much to do; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    observe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub has too much to do */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    findConnections: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user_id": "user-1",
                 *       "account_id": "account-1"
                 *     }
                 */
                "application/json": components["schemas"]["ConnectionsRequest"];
            };
        };
        responses: {
            /** @description The user's connections at this moment. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectionsFound"];
                };
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub has too much to do */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPushFigures: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The figures of this moment. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushFigures"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This hub has no Web Push */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reportRelay: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "instance": "9f2c5d0e81b3a467",
                 *       "waiting_rows": 12,
                 *       "dead_rows": 0,
                 *       "oldest_waiting_seconds": 0.4,
                 *       "published": 4711,
                 *       "interval_seconds": 15
                 *     }
                 */
                "application/json": components["schemas"]["RelayReport"];
            };
        };
        responses: {
            /** @description The report is kept. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request cannot be used; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub has too much to do; The hub is restarting */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    checkLive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process responds. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    checkReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The hub accepts new work. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description The hub does not accept new work; the response has the state of each part. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    readMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    acknowledge: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "cursor": "k3v9q2m7xa-1z8"
                 *     }
                 */
                "application/json": components["schemas"]["AckRequest"];
            };
        };
        responses: {
            /** @description It was taken, or confirms nothing. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request cannot be used; This is not a cursor of a hub; The body is not valid JSON in UTF-8; The body is nested too deeply; A field has a value of the wrong type or range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid; The token has expired */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description This origin is not allowed; This user may not connect; This account is not active; The credential does not allow this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body must be application/json; The body must not be compressed */
            415: {
                headers: {
                    /** @description `application/json`, if that was wrong */
                    Accept?: string;
                    /** @description `identity`, if that was wrong */
                    "Accept-Encoding"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Users cannot be looked up; Tokens cannot be verified at the moment; The token is not valid yet; The hub is restarting; The log cannot be written; The hub has too much to do */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                /** @description `waiting` (those that are due next come first) or `dead`. */
                state?: "waiting" | "dead";
                /** @description Those of one service alone. */
                service?: string;
                /** @description How many at most. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhooks. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookPage"];
                };
            };
            /** @description The request cannot be used */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be written */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    repeatWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is sent again. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookRepeated"];
                };
            };
            /** @description A credential is required; The credential is not valid */
            401: {
                headers: {
                    /** @description `Bearer` */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The credential does not allow this; This service key is limited to some accounts */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be written; The hub has too much to do */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    showHub: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    showConsole: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description The page's address with a slash at its end. */
            308: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readConsoleScript: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The script. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/javascript": string;
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readConsoleStyle: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The style. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/css": string;
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    showSchema: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readOpenApi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readOpenApi30: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readAsyncApi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readFramesSchema: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schema. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    receiveNotificationUnconfirmed: {
        parameters: {
            query?: never;
            header: {
                /** @description The same for every attempt, and also after a repeat: take each id once. */
                "webhook-id": string;
                /** @description When it was sent, in Unix seconds; refuse an old one. */
                "webhook-timestamp": string;
                /** @description `v1,` and an HMAC-SHA256 in base64, one for each secret. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NotificationUnconfirmed"];
            };
        };
        responses: {
            /** @description It was taken, or had been taken before. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    receiveNotificationConfirmed: {
        parameters: {
            query?: never;
            header: {
                /** @description The same for every attempt, and also after a repeat: take each id once. */
                "webhook-id": string;
                /** @description When it was sent, in Unix seconds; refuse an old one. */
                "webhook-timestamp": string;
                /** @description `v1,` and an HMAC-SHA256 in base64, one for each secret. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NotificationConfirmed"];
            };
        };
        responses: {
            /** @description It was taken, or had been taken before. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
