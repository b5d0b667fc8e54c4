import type { AddressInfo } from "node:net";
import path from "node:path";
import { NotificationHub } from "@notification-hub/service";
import type { WhatsappNotification } from "./event.js";
import { forwardTo } from "./forward.js";
import { publishTo } from "./publish.js";
import { sendThrough } from "./send.js";
import { createBridge } from "./server.js";
import { readSettings, type Settings } from "./settings.js";
import { Spool } from "./spool.js";

async function start(settings: Settings): Promise<void> {
  const openSpool = (name: string): Promise<Spool> =>
    Spool.open(path.join(settings.spoolFolder, name), settings.spoolBytes, settings.giveUpMs);
  const hub = new NotificationHub<WhatsappNotification>({ url: settings.hubUrl, key: settings.hubKey });
  const publishing = await openSpool("hub");
  const forwarding = settings.forwardUrl === undefined ? undefined : await openSpool("forward");
  const sending = settings.gateway === undefined ? undefined : await openSpool("send");
  const server = createBridge({ ...settings, publishing, forwarding, sending });
  const running = [
    publishing.run(publishTo(hub)),
    settings.gateway && sending?.run(sendThrough(settings.gateway)),
    settings.forwardUrl && forwarding?.run(forwardTo(settings.forwardUrl)),
  ];
  server.listen(settings.port, settings.host, () => {
    const { address, port } = server.address() as AddressInfo;
    console.log(`The bridge listens at http://${address.includes(":") ? `[${address}]` : address}:${port}`);
  });
  const stop = async (): Promise<void> => {
    server.close();
    server.closeIdleConnections();
    await Promise.all([publishing.stop(), forwarding?.stop(), sending?.stop()]);
    await Promise.all(running);
    // What waits is on disk, for the next start.
    process.exit(0);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

try {
  await start(readSettings(process.env));
} catch (error) {
  console.error(`wppconnect-bridge: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
