/** When the panel is open: it closes on Escape, on a click outside, and when the focus goes elsewhere. */
import { setAttribute } from "./dom.js";
import { hideFromTop, placePanel, showOnTop } from "./place.js";

export interface PopupHandlers {
  /** Draw what the panel shows; called before it is visible. */
  draw(): void;
  /** Focus the first of what the panel shows. */
  focusFirst(): void;
  onToggle(open: boolean): void;
}

export interface Popup {
  readonly open: boolean;
  toggle(open: boolean): void;
  /** Close, and leave the button as it was. */
  end(): void;
}

/** Let a button of a shadow root open and close a panel. */
export function createPopup(root: ShadowRoot, button: HTMLElement, panel: HTMLElement, handlers: PopupHandlers): Popup {
  let open = false;

  const place = (): void => placePanel(panel, button);
  const toggle = (wanted: boolean): void => {
    if (wanted === open) return;
    open = wanted;
    setAttribute(button, "aria-expanded", String(open));
    const listen = open ? addEventListener : removeEventListener;
    listen("pointerdown", onPointer, true);
    listen("keydown", onKey);
    listen("resize", place);
    listen("scroll", place, true);
    if (open) {
      handlers.draw();
      showOnTop(panel);
      place();
    } else {
      const hadFocus = panel.contains(root.activeElement);
      hideFromTop(panel);
      if (hadFocus) button.focus();
    }
    handlers.onToggle(open);
  };
  const onPointer = (event: Event): void => {
    if (!event.composedPath().includes(root.host)) toggle(false);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && !event.defaultPrevented) toggle(false);
  };
  const onClick = (): void => toggle(!open);
  const onButtonKey = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    toggle(true);
    handlers.focusFirst();
  };
  const onFocusOut = (event: Event): void => {
    const { relatedTarget } = event as FocusEvent;
    // A person who tabs on has left the panel; a window that loses the focus has not.
    if (relatedTarget && !root.contains(relatedTarget as Node)) toggle(false);
  };
  setAttribute(button, "aria-expanded", "false");
  button.addEventListener("click", onClick);
  button.addEventListener("keydown", onButtonKey);
  root.addEventListener("focusout", onFocusOut);

  return {
    get open() {
      return open;
    },
    toggle,
    end: () => {
      toggle(false);
      button.removeEventListener("click", onClick);
      button.removeEventListener("keydown", onButtonKey);
      root.removeEventListener("focusout", onFocusOut);
    },
  };
}
