/** A page with the browser client and no content: the events of its handlers, and each status. */
import { createHub } from "../../clients/browser/src/index.ts";

window.seen = [];
window.gaps = 0;
/** [state, transport, ms since `start`] */
window.statuses = [];
/** Connect with the first of these tokens, and with the next one each time that another is asked for. */
window.start = (url, ...tokens) => {
  const startedAt = (window.startedAt = performance.now());
  const hub = createHub({ url, getToken: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) });
  hub.onAny(({ title }) => window.seen.push(title));
  hub.on("gap", () => window.gaps++);
  hub.subscribe(() => window.statuses.push([hub.status.state, hub.status.transport, performance.now() - startedAt]));
  hub.connect();
};
