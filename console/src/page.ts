/** What every view of the page shares: texts, the signed-in service, and where to go. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Language, Texts } from "./texts/index.js";
import type { Introduction } from "./wire.js";

export const VIEWS = [
  "overview",
  "feed",
  "trace",
  "explain",
  "publish",
  "connections",
  "webhooks",
  "push",
  "outbox",
] as const;
export type View = (typeof VIEWS)[number];

export interface Page {
  texts: Texts;
  language: Language;
  /** In memory alone; a sign-out or a reload forgets it. */
  serviceKey: string;
  introduction: Introduction;
  may(operation: string): boolean;
  showTrace(id: string): void;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === undefined) throw new Error("this view is outside the page");
  return page;
}

/** The view that an address names; the first one where it names none. */
export function readView(hash: string): View {
  return VIEWS.find((view) => hash === `#/${view}`) ?? "overview";
}
