/* Made from the company's document by clients/codegen/openapi.mjs; never edited by hand. */
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
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
         * MessageData
         * @description A message somebody wrote; `preview` is the beginning of a text.
         */
        MessageData: {
            session: string;
            messageId: string;
            chatId: string;
            /** @enum {string} */
            kind: "audio" | "contact" | "document" | "image" | "location" | "other" | "sticker" | "text" | "video";
            isGroup: boolean;
            senderName?: string | null;
            preview?: string | null;
        };
        /**
         * PublishMessageReceived
         * @description Sent to the account whose number got a message.
         * @example {
         *       "type": "whatsapp:message-received",
         *       "title": "Title",
         *       "message": "Message",
         *       "data": {
         *         "session": "text",
         *         "messageId": "text",
         *         "chatId": "text",
         *         "kind": "audio",
         *         "isGroup": true
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishMessageReceived: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "whatsapp:message-received";
            title: string;
            message: string;
            data: components["schemas"]["MessageData"];
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
         * PublishMessageStatus
         * @description Sent to the account when a message of theirs was delivered, read or lost.
         * @example {
         *       "type": "whatsapp:message-status",
         *       "title": "Title",
         *       "message": "Message",
         *       "data": {
         *         "session": "text",
         *         "messageId": "text",
         *         "status": "delivered"
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishMessageStatus: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "whatsapp:message-status";
            title: string;
            message: string;
            data: components["schemas"]["StatusData"];
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
        PublishRequest: components["schemas"]["PublishMessageReceived"] | components["schemas"]["PublishMessageStatus"] | components["schemas"]["PublishSessionState"];
        /**
         * PublishSessionState
         * @description Sent to the account when their connection to WhatsApp comes or goes.
         * @example {
         *       "type": "whatsapp:session-state",
         *       "title": "Title",
         *       "message": "Message",
         *       "data": {
         *         "session": "text",
         *         "state": "connected",
         *         "reason": "text"
         *       },
         *       "user_id": "user-1",
         *       "account_id": "account-1"
         *     }
         */
        PublishSessionState: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "whatsapp:session-state";
            title: string;
            message: string;
            data: components["schemas"]["SessionData"];
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
         * SessionData
         * @description Whether a session of the gateway works; `reason` is the gateway's own word.
         */
        SessionData: {
            session: string;
            /** @enum {string} */
            state: "connected" | "disconnected" | "failed" | "waiting";
            reason: string;
        };
        /**
         * StatusData
         * @description How far a message of ours has come.
         */
        StatusData: {
            session: string;
            messageId: string;
            /** @enum {string} */
            status: "delivered" | "failed" | "pending" | "played" | "read" | "sent";
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
