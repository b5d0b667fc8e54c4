import { NotificationClient } from "@notification-hub/stocktech";
import { createTokens } from "./people.js";
import { createService } from "./service.js";
import { readSettings, type Settings } from "./settings.js";
import { Shop } from "./shop.js";

function start({ hubUrl, hubKey, secret, tokenTtlS, port, confirmWithinS }: Settings): void {
  const notifications = new NotificationClient({
    url: hubUrl,
    key: hubKey,
    ...(confirmWithinS && { confirm: { order_created: { within_seconds: confirmWithinS, by: "delivered" } } }),
  });
  // Loopback alone: every client that reaches the service gets a token.
  const server = createService(new Shop(), createTokens(secret, tokenTtlS), notifications).listen(
    port,
    "127.0.0.1",
    (error) => {
      if (error) {
        console.error(`stocktech-server: port ${port} cannot be used: ${error.message}`);
        process.exit(1);
      }
      console.log(`StockTech's service listens at http://127.0.0.1:${port}`);
    },
  );
  const stop = async () => {
    server.close();
    server.closeIdleConnections();
    await notifications.close();
    process.exit(0);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

try {
  start(readSettings(process.env));
} catch (error) {
  console.error(`stocktech-server: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
