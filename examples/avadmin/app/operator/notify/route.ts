import { HubRefused, type PublishRequest } from "@notification-hub/service";
import { getHub } from "../../hub";
import { RECIPIENTS } from "../../user";

/** The types that make sense without data. */
const TYPES = ["profile_updated", "transaction_created", "cart_updated"] as const;

/** Publish a test notification. A real page asks here whether who asks may do that. */
export async function POST(request: Request): Promise<Response> {
  const notification = readNotification(await request.json().catch(() => null));
  if (!notification)
    return Response.json({ error: "Preencha destinatário, tipo, título e mensagem." }, { status: 400 });
  try {
    return Response.json(await getHub().notify(notification), { status: 202 });
  } catch (error) {
    const refused = error instanceof HubRefused;
    return Response.json({ error: refused ? error.message : "O hub não respondeu." }, { status: refused ? 422 : 503 });
  }
}

function readNotification(body: unknown): PublishRequest | undefined {
  const { to, type, title, message } = (body ?? {}) as Record<string, unknown>;
  const recipient = Object.entries(RECIPIENTS).find(([name]) => name === to)?.[1];
  const known = TYPES.find((one) => one === type);
  if (
    !recipient ||
    !known ||
    typeof title !== "string" ||
    typeof message !== "string" ||
    !title.trim() ||
    !message.trim()
  ) {
    return undefined;
  }
  return { type: known, title: title.trim(), message: message.trim(), user_id: recipient.userId, data: { test: true } };
}
