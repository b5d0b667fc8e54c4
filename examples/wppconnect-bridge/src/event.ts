import type { components } from "./generated/openapi.js";

type Schemas = components["schemas"];

/** What this bridge publishes; the types come from contracts/whatsapp_contracts.py by way of the hub's document. */
export type WhatsappNotification =
  | Schemas["PublishMessageReceived"]
  | Schemas["PublishMessageStatus"]
  | Schemas["PublishSessionState"];

type Kind = Schemas["MessageData"]["kind"];
type Status = Schemas["StatusData"]["status"];
type State = Schemas["SessionData"]["state"];

const PREVIEW_LENGTH = 200;

const KINDS: Record<string, [Kind, string]> = {
  chat: ["text", ""],
  image: ["image", "Imagem"],
  video: ["video", "Vídeo"],
  ptt: ["audio", "Mensagem de voz"],
  audio: ["audio", "Áudio"],
  document: ["document", "Documento"],
  sticker: ["sticker", "Figurinha"],
  location: ["location", "Localização"],
  vcard: ["contact", "Contato"],
};

/** The gateway's `ack` numbers. */
const STATUSES: Record<number, [Status, string]> = {
  [-1]: ["failed", "Mensagem não enviada"],
  0: ["pending", "Mensagem pendente"],
  1: ["sent", "Mensagem enviada"],
  2: ["delivered", "Mensagem entregue"],
  3: ["read", "Mensagem lida"],
  4: ["played", "Mensagem ouvida"],
};

/** The gateway's `status-find` words. */
const STATES: Record<string, State> = {
  inChat: "connected",
  isLogged: "connected",
  qrReadSuccess: "connected",
  chatsAvailable: "connected",
  notLogged: "waiting",
  qrcode: "waiting",
  qrReadFail: "failed",
  qrReadError: "failed",
  autocloseCalled: "disconnected",
  browserClose: "disconnected",
  desconnectedMobile: "disconnected",
  disconnectedMobile: "disconnected",
  serverClose: "disconnected",
  deleteToken: "disconnected",
};

const STATE_WORDS: Record<State, string> = {
  connected: "está conectado",
  disconnected: "foi desconectado",
  waiting: "aguarda a leitura do QR code",
  failed: "não conseguiu se conectar",
};

/** Other gateways' names for the events of wppconnect-server. */
const EVENTS: Record<string, string> = {
  message_received: "onmessage",
  message_ack: "onack",
};

/** An event of a gateway, as wppconnect-server would have posted it. */
export interface GatewayEvent {
  event: string;
  /** Undefined where the gateway has one session and does not name it; `""` where what it names is not a name. */
  session: string | undefined;
  [field: string]: unknown;
}

/**
 * Return what was posted as an event, or undefined if it is none.
 *
 * Three gateways post three shapes: `{event, session, ...fields}` (wppconnect-server), `{event, sessionId, message}` or
 * with the fields beside (several tenants), and `{type, message}` without a session (one number).
 */
export function readEvent(posted: unknown): GatewayEvent | undefined {
  const outer = fields(posted);
  const event = text(outer?.event) ?? text(outer?.type);
  if (!outer || !event) return undefined;
  const inner = outer.id === undefined ? (fields(outer.message) ?? fields(outer.data) ?? outer) : outer;
  return { ...inner, event: EVENTS[event] ?? event, session: readSession(outer, inner) };
}

function readSession(...places: Record<string, unknown>[]): string | undefined {
  const named = places
    .flatMap((place) => [place.session, place.sessionId])
    .find((one) => one !== undefined && one !== null && one !== "");
  // Undefined would be the default session: somebody else's account.
  return named === undefined || typeof named === "string" ? named : typeof named === "number" ? String(named) : "";
}

/**
 * Return the notification for an account, or undefined for an event that needs none.
 *
 * It has the time of now: it may wait for the hub for hours.
 */
export function composeNotification(
  event: GatewayEvent & { session: string },
  accountId: string,
): WhatsappNotification | undefined {
  const notification = compose(event, accountId);
  return notification && { ...notification, timestamp: new Date().toISOString() };
}

function compose(event: GatewayEvent & { session: string }, accountId: string): WhatsappNotification | undefined {
  switch (event.event) {
    case "onmessage":
      return composeMessage(event, accountId);
    case "onack":
      return composeStatus(event, accountId);
    case "status-find":
      return composeState(event.session, text(event.status), accountId);
    case "qrcode":
      // Without the code itself: a person who sees it can take the number over.
      return composeState(event.session, "qrcode", accountId);
    default:
      return undefined;
  }
}

function composeMessage(
  event: GatewayEvent & { session: string },
  accountId: string,
): WhatsappNotification | undefined {
  const messageId = findId(event.id);
  const chatId = text(event.chatId) ?? text(event.from);
  if (!messageId || !chatId || event.fromMe === true) return undefined;
  // What a contact shows to everybody for a day is not a message to anybody.
  if (chatId === "status@broadcast") return undefined;
  const [kind, label] = KINDS[text(event.type) ?? ""] ?? ["other", "Mensagem"];
  // The body of anything but a text is the file itself.
  const preview = kind === "text" ? cut(text(event.body)) : undefined;
  const sender = fields(event.sender);
  const senderName = text(sender?.name) ?? text(sender?.pushname) ?? text(event.notifyName);
  return {
    type: "whatsapp:message-received",
    title: senderName ? `Mensagem de ${senderName}` : "Nova mensagem",
    message: preview ?? (label || "Mensagem"),
    account_id: accountId,
    data: {
      session: event.session,
      messageId,
      chatId,
      kind,
      isGroup: event.isGroupMsg === true,
      ...(senderName ? { senderName } : {}),
      ...(preview ? { preview } : {}),
    },
  };
}

function composeStatus(event: GatewayEvent & { session: string }, accountId: string): WhatsappNotification | undefined {
  const messageId = findId(event.id);
  const found = STATUSES[typeof event.ack === "string" ? Number.parseInt(event.ack, 10) : Number(event.ack)];
  if (!messageId || !found) return undefined;
  const [status, title] = found;
  return {
    type: "whatsapp:message-status",
    title,
    message: title,
    account_id: accountId,
    data: { session: event.session, messageId, status },
    // Of no use to somebody who comes back tomorrow.
    ttl_seconds: 3600,
  };
}

function composeState(
  session: string,
  reason: string | undefined,
  accountId: string,
): WhatsappNotification | undefined {
  const state = STATES[reason ?? ""];
  if (!reason || !state) return undefined;
  return {
    type: "whatsapp:session-state",
    title: "WhatsApp",
    message: `O número ${session} ${STATE_WORDS[state]}.`,
    account_id: accountId,
    data: { session, state, reason },
  };
}

/** The gateway gives an id as text, or as an object with its text inside. */
function findId(id: unknown): string | undefined {
  return text(id) ?? text((id as { _serialized?: unknown } | null | undefined)?._serialized);
}

function fields(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function text(value: unknown): string | undefined {
  // Half of an emoji, which a gateway cut in two, is not a text that a hub could take.
  return typeof value === "string" && value !== "" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : undefined;
}

function cut(value: string | undefined): string | undefined {
  // By characters as people count them, so that no emoji is cut in half.
  const letters = value === undefined ? [] : [...value.slice(0, 4 * PREVIEW_LENGTH)];
  return letters.length > PREVIEW_LENGTH ? `${letters.slice(0, PREVIEW_LENGTH).join("")}…` : value;
}
