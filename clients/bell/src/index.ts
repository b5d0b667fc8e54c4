/** The bell as a custom element: importing this defines `<notification-bell>`. A server may import it. */
import { defineBell, NotificationBellElement, type BellToggleEvent, type NotificationOpenEvent } from "./element.js";
import type { Texts } from "./texts.js";

defineBell();

export { defineBell, NotificationBellElement };
export type { BellToggleEvent, NotificationOpenEvent, Texts };

declare global {
  interface HTMLElementTagNameMap {
    "notification-bell": NotificationBellElement;
  }
  interface HTMLElementEventMap {
    "notification-open": NotificationOpenEvent;
    "bell-toggle": BellToggleEvent;
  }
}
