/** The conformance suite of Durable Streams against the server at HUB_STREAMS_URL; `tests/durable_streams` starts it. */
import { runConformanceTests } from "@durable-streams/server-conformance-tests";

runConformanceTests({ baseUrl: process.env.HUB_STREAMS_URL });
