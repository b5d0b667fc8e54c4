/** The state of the connection, and why, in words that a page can show. */

import { NO_TOKEN, OFFLINE } from "./link.js";

/** How frames reach this page: best first. */
export type Transport = "ws" | "sse" | "poll";

export const TRANSPORTS: readonly Transport[] = ["ws", "sse", "poll"];

export type State = "idle" | "connecting" | "connected" | "reconnecting" | "closed";

export type ReasonCode =
  | "network"
  /** The device has no network, as far as the browser knows. */
  | "offline"
  /** The page's `getToken` gave something that is not a token. */
  | "token"
  | "restarting"
  | "slow"
  | "expired"
  | "replaced"
  | "unauthorized"
  | "forbidden"
  | "disconnected"
  | "full";

/** Why there is no connection. `terminal`: the client has stopped, until `reconnect()`. */
export interface Reason {
  code: ReasonCode;
  /** A sentence for the page, in Portuguese; other languages go by `code`. */
  message: string;
  terminal: boolean;
}

/** The state at one moment; a new object for each change, so that objects can be compared. */
export interface Status {
  state: State;
  /** What carries the frames; null without a connection. */
  transport: Transport | null;
  /** Failed attempts in a row. */
  attempt: number;
  /** When the next attempt starts (Unix time in ms); null where none is planned. */
  retryAt: number | null;
  reason: Reason | null;
}

export const IDLE: Status = { state: "idle", transport: null, attempt: 0, retryAt: null, reason: null };

/** Close codes from which on the client stops until something changes. */
const FIRST_FINAL_CODE = 4500;

const NETWORK: [ReasonCode, string] = ["network", "Sem conexão com as notificações. Tentando novamente."];
const RESTARTING: [ReasonCode, string] = ["restarting", "O serviço de notificações está reiniciando."];
const REASONS: Record<number, [ReasonCode, string]> = {
  [OFFLINE]: ["offline", "Sem internet. As notificações voltam quando a conexão for restabelecida."],
  [NO_TOKEN]: ["token", "Não foi possível obter acesso às notificações. Tentando novamente."],
  1012: RESTARTING,
  1013: RESTARTING,
  4000: ["slow", "A conexão está lenta demais."],
  4001: ["expired", "A sessão expirou."],
  4002: ["replaced", "Há conexões demais deste usuário."],
  4500: ["unauthorized", "Acesso não reconhecido. Entre novamente."],
  4501: ["forbidden", "Este acesso não recebe notificações."],
  4502: ["disconnected", "A conexão foi encerrada por um administrador."],
  4503: ["full", "O serviço de notificações atingiu o limite de conexões."],
};

/** Say whether the hub's close code tells the client to stop. */
export function isFinal(code: number): boolean {
  return code >= FIRST_FINAL_CODE;
}

/** Return the reason that a close code stands for. */
export function describeReason(closeCode: number, terminal: boolean): Reason {
  const [code, message] = REASONS[closeCode] ?? NETWORK;
  return { code, message, terminal };
}
