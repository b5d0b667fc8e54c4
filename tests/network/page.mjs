/** A page with the browser client and nothing to look at: what its handlers were called with, and each status. */
import { createHub } from "../../clients/browser/src/index.ts";

window.seen = [];
window.gaps = 0;
/** [state, transport, ms since `start`] */
window.statuses = [];
window.start = (url, token) => {
  const startedAt = performance.now();
  const hub = createHub({ url, getToken: () => token });
  hub.onAny(({ title }) => window.seen.push(title));
  hub.on("gap", () => window.gaps++);
  hub.subscribe(() => window.statuses.push([hub.status.state, hub.status.transport, performance.now() - startedAt]));
  hub.connect();
};
