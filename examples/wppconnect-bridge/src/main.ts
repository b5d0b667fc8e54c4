import type { AddressInfo } from "node:net";
import { NotificationHub } from "@notification-hub/service";
import type { WhatsappNotification } from "./event.js";
import { createBridge } from "./server.js";
import { readSettings, type Settings } from "./settings.js";

function start(settings: Settings): void {
  const hub = new NotificationHub<WhatsappNotification>({ url: settings.hubUrl, key: settings.hubKey });
  const server = createBridge(hub, settings.secret, settings.accounts);
  server.listen(settings.port, settings.host, () => {
    const { address, port } = server.address() as AddressInfo;
    console.log(`The bridge listens at http://${address}:${port}`);
  });
  const stop = async () => {
    server.close();
    server.closeIdleConnections();
    await hub.close();
    process.exit(0);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

try {
  start(readSettings(process.env));
} catch (error) {
  console.error(`wppconnect-bridge: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
