export { type HubOptions, LocalHub, type Publication, PublishRefused, type Receipt } from "./hub.js";
export { type Frame, Listener } from "./listener.js";
export { DEMO_USERS, type Person, signToken } from "./person.js";
