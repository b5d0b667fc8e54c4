// What must not compile: each line below is an error, and a line that is none fails the compilation.
import { type PublishRequest, text } from "./requests.js";

// @ts-expect-error there is no such type
export const unknownType: PublishRequest = { type: "cart_update", ...text };
// @ts-expect-error a status is text
export const wrongField: PublishRequest = { type: "order_updated", ...text, data: { status: 5 } };
// @ts-expect-error a message is needed
export const incomplete: PublishRequest = { type: "cart_updated", title: "a" };
// @ts-expect-error there is no such field
export const misspelt: PublishRequest = { type: "cart_updated", ...text, userId: "a" };
