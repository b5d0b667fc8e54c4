/** What the bell says, in Portuguese and in English; a page may replace single texts. */
import type { ReasonCode } from "@notification-hub/client";

export interface Texts {
  notifications: string;
  /** After the word for notifications, in the name of the bell's button. */
  unread: (count: number, more: boolean) => string;
  isUnread: string;
  empty: string;
  emptyUnread: string;
  /** Nothing that is loaded is unread, but something older is. */
  olderUnread: string;
  all: string;
  onlyUnread: string;
  /** What was taken off the list. */
  archived: string;
  emptyArchived: string;
  notLoaded: string;
  markRead: string;
  markUnread: string;
  markAllRead: string;
  archive: string;
  archiveAll: string;
  loadMore: string;
  loading: string;
  close: string;
  newTab: string;
  now: string;
  /** The name of the place where toasts are. */
  newNotifications: string;
  /** The last line of the toasts, where more came than are shown. */
  moreToasts: (count: number) => string;
  preferences: string;
  preferencesHint: string;
  mandatory: string;
  notChanged: string;
  push: string;
  pushDenied: string;
  /** Names of types, where the user chooses among them: `{ "whatsapp:message": "WhatsApp" }`. */
  types: Record<string, string>;
  live: string;
  connecting: string;
  retry: string;
  reasons: Record<ReasonCode, string>;
}

const PORTUGUESE: Texts = {
  notifications: "Notificações",
  unread: (count, more) => `${more ? "mais de " : ""}${count} não lida${count === 1 ? "" : "s"}`,
  isUnread: "Não lida",
  empty: "Nenhuma notificação por aqui.",
  emptyUnread: "Tudo lido.",
  olderUnread: "As não lidas são mais antigas.",
  all: "Todas",
  onlyUnread: "Não lidas",
  archived: "Arquivadas",
  emptyArchived: "Nada foi arquivado.",
  notLoaded: "Não foi possível carregar agora.",
  markRead: "Marcar como lida",
  markUnread: "Marcar como não lida",
  markAllRead: "Marcar todas como lidas",
  archive: "Arquivar",
  archiveAll: "Arquivar todas",
  loadMore: "Carregar mais",
  loading: "Carregando…",
  close: "Fechar",
  newTab: "abre em outra aba",
  now: "agora",
  newNotifications: "Novas notificações",
  moreToasts: (count) => (count === 1 ? "e mais 1 notificação" : `e mais ${count} notificações`),
  preferences: "Preferências",
  preferencesHint: "O que estiver desativado fica na lista, mas sem aviso e sem contagem.",
  mandatory: "(sempre ativa)",
  notChanged: "Não foi possível mudar agora. Tente de novo.",
  push: "Avisos neste aparelho, mesmo com a página fechada",
  pushDenied: "(bloqueados nas configurações do navegador)",
  types: {},
  live: "Ao vivo",
  connecting: "Conectando…",
  retry: "Tentar de novo",
  reasons: {
    network: "Sem conexão com as notificações. Tentando novamente.",
    offline: "Sem internet. As notificações voltam quando a conexão for restabelecida.",
    token: "Não foi possível obter acesso às notificações. Tentando novamente.",
    restarting: "O serviço de notificações está reiniciando.",
    slow: "A conexão está lenta demais.",
    expired: "A sessão expirou.",
    replaced: "Há conexões demais deste usuário.",
    unauthorized: "Acesso não reconhecido. Entre novamente.",
    forbidden: "Este acesso não recebe notificações.",
    disconnected: "A conexão foi encerrada por um administrador.",
    full: "O serviço de notificações atingiu o limite de conexões.",
  },
};

const ENGLISH: Texts = {
  notifications: "Notifications",
  unread: (count, more) => `${more ? "more than " : ""}${count} unread`,
  isUnread: "Unread",
  empty: "No notifications here.",
  emptyUnread: "Everything is read.",
  olderUnread: "The unread ones are older.",
  all: "All",
  onlyUnread: "Unread",
  archived: "Archived",
  emptyArchived: "Nothing is archived.",
  notLoaded: "It could not be loaded now.",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  markAllRead: "Mark all as read",
  archive: "Archive",
  archiveAll: "Archive all",
  loadMore: "Load more",
  loading: "Loading…",
  close: "Close",
  newTab: "opens in a new tab",
  now: "now",
  newNotifications: "New notifications",
  moreToasts: (count) => (count === 1 ? "and 1 more notification" : `and ${count} more notifications`),
  preferences: "Preferences",
  preferencesHint: "What is switched off stays in the list, without an alert and uncounted.",
  mandatory: "(always on)",
  notChanged: "It could not be changed now. Try again.",
  push: "Alerts on this device, also while the page is closed",
  pushDenied: "(blocked in the browser's settings)",
  types: {},
  live: "Live",
  connecting: "Connecting…",
  retry: "Try again",
  reasons: {
    network: "No connection to the notifications. Trying again.",
    offline: "No internet. Notifications return with the connection.",
    token: "Access to the notifications could not be obtained. Trying again.",
    restarting: "The notification service is restarting.",
    slow: "The connection is too slow.",
    expired: "The session has expired.",
    replaced: "This user has too many connections.",
    unauthorized: "Access was not recognized. Sign in again.",
    forbidden: "This access receives no notifications.",
    disconnected: "An administrator closed the connection.",
    full: "The notification service has reached its limit of connections.",
  },
};

/** Return the texts of a language tag: Portuguese for `pt` and its regions, English for all others. */
export function chooseTexts(language: string, own: Partial<Texts> = {}): Texts {
  return { ...(/^pt\b/i.test(language) ? PORTUGUESE : ENGLISH), ...own };
}
