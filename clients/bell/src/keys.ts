/** The keys of the list: arrows, Home and End move the focus among rows and their controls. */

export interface Place {
  row: number;
  rows: number;
  /** The controls of the row that has the focus. */
  controls: HTMLElement[];
  focusAt(row: number, column: number): void;
}

/** Move the focus as a key says; false where the key is not one of the list's. */
export function moveFocus(event: KeyboardEvent, { row, rows, controls, focusAt }: Place): boolean {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return false;
  const column = controls.indexOf(event.target as HTMLElement);
  const forward = getComputedStyle(event.target as Element).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const backward = forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
  switch (event.key) {
    case "ArrowDown":
      focusAt(Math.min(row + 1, rows - 1), column);
      return true;
    case "ArrowUp":
      focusAt(Math.max(row - 1, 0), column);
      return true;
    case "Home":
      focusAt(0, column);
      return true;
    case "End":
      focusAt(rows - 1, column);
      return true;
    case forward:
      controls[Math.min(column + 1, controls.length - 1)]!.focus();
      return true;
    case backward:
      controls[Math.max(column - 1, 0)]!.focus();
      return true;
    default:
      return false;
  }
}
