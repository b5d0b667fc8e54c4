/** Where the panel stands: below the button, or above it, and always inside the window. */

const GAP_PX = 8;
const LEAST_PX = 240;

/** Put a fixed panel beside its button, at the button's end of the line. */
export function placePanel(panel: HTMLElement, button: HTMLElement): void {
  const anchor = button.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const width = panel.offsetWidth;
  const wanted = getComputedStyle(button).direction === "rtl" ? anchor.left : anchor.right - width;
  const left = Math.max(GAP_PX, Math.min(wanted, clientWidth - width - GAP_PX));
  const below = clientHeight - anchor.bottom - 2 * GAP_PX;
  const above = anchor.top - 2 * GAP_PX;
  const up = below < LEAST_PX && above > below;
  const height = Math.min(Math.max(up ? above : below, LEAST_PX), clientHeight - 2 * GAP_PX);
  const { style } = panel;
  style.left = `${left}px`;
  style.maxHeight = `${height}px`;
  // A page that was scrolled away from its button still shows the whole panel.
  const edge = Math.max(
    GAP_PX,
    Math.min(up ? clientHeight - anchor.top + GAP_PX : anchor.bottom + GAP_PX, clientHeight - height - GAP_PX),
  );
  style.top = up ? "auto" : `${edge}px`;
  style.bottom = up ? `${edge}px` : "auto";
}

/** Show an element above everything else of the page, where the browser has a top layer. */
export function showOnTop(element: HTMLElement): void {
  element.hidden = false;
  if (element.isConnected && element.showPopover && !element.matches(":popover-open")) element.showPopover();
}

/** Hide what `showOnTop` showed. */
export function hideFromTop(element: HTMLElement): void {
  if (!element.hidden && element.isConnected && element.hidePopover && element.matches(":popover-open")) {
    element.hidePopover();
  }
  element.hidden = true;
}
