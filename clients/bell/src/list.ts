/** The list in the panel: rows by id, one tab stop for all of them, and a focus that is never lost. */
import type { Age } from "./age.js";
import { make, makeButton, setHidden, setText } from "./dom.js";
import { BELL, drawIcon } from "./icons.js";
import { moveFocus } from "./keys.js";
import { createRow, type Action, type Item, type Row } from "./row.js";
import type { Texts } from "./texts.js";

export interface ListState {
  items: readonly Item[];
  /** There are older ones to load, they are being loaded, or neither. */
  older: "none" | "more" | "loading";
  emptyText: string;
  /** The items are archived, and have no actions. */
  archived: boolean;
}

export interface ListHandlers {
  act(action: Action, item: Item, event: MouseEvent): void;
  loadMore(): void;
  /** Take the focus, where no row is left to take it. */
  takeFocus(): void;
}

export interface List {
  readonly node: HTMLElement;
  render(state: ListState, nowMs: number): void;
  updateAges(nowMs: number): void;
  /** Focus the first row; false where there is none. */
  focusFirst(): boolean;
}

/** Return the list, whose texts stay as they are. */
export function createList(texts: Texts, age: Age, handlers: ListHandlers): List {
  const rows = new Map<string, Row>();
  const items = new Map<string, Item>();
  const list = make("ul", { class: "bell-list", part: "list", role: "list" });
  const emptyText = make("span");
  const empty = make("div", { class: "empty", part: "empty" }, drawIcon(BELL), emptyText);
  const more = makeButton({ class: "quiet more", part: "more" });
  const node = make("div", { class: "scroll" }, list, empty, more);
  let order: string[] = [];
  let archived = false;
  /** The row whose controls are tab stops. */
  let current: string | undefined;

  const setCurrent = (id: string | undefined): void => {
    for (const which of new Set([current, id])) {
      const row = which === undefined ? undefined : rows.get(which);
      for (const control of row?.node.querySelectorAll<HTMLElement>("[data-action]") ?? []) {
        control.tabIndex = which === id ? 0 : -1;
      }
    }
    current = id;
  };
  const find = (target: EventTarget | null): { row: HTMLElement; item: Item; control: HTMLElement | null } | null => {
    const row = (target as Element).closest<HTMLElement>("li");
    const item = row && items.get(row.dataset["id"]!);
    return row && item ? { row, item, control: (target as Element).closest<HTMLElement>("[data-action]") } : null;
  };
  const focusAt = (index: number, column: number): void => {
    const id = order[Math.min(index, order.length - 1)];
    if (id === undefined) return handlers.takeFocus();
    const controls = rows.get(id)!.controls();
    controls[Math.min(column, controls.length - 1)]!.focus();
  };

  list.addEventListener("focusin", ({ target }) => setCurrent(find(target)?.item.id));
  list.addEventListener("click", (event) => {
    const found = find(event.target);
    if (!found) return;
    const { row, item, control } = found;
    if (control) return handlers.act(control.dataset["action"] as Action, item, event);
    // The whole row is a target for a pointer, but not while a text is being selected.
    if (!getSelection()?.toString()) row.querySelector<HTMLElement>("[data-action=open]")!.click();
  });
  list.addEventListener("keydown", (event) => {
    const found = find(event.target);
    if (!found?.control) return;
    const [row, index] = [rows.get(found.item.id)!, order.indexOf(found.item.id)];
    if (event.key === "Delete") {
      if (!archived) found.row.querySelector<HTMLElement>("[data-action=archive]")!.click();
    } else if (!moveFocus(event, { row: index, rows: order.length, controls: row.controls(), focusAt })) return;
    event.preventDefault();
  });
  more.addEventListener("click", () => more.getAttribute("aria-disabled") === "true" || handlers.loadMore());

  return {
    node,
    render: (state, nowMs) => {
      const focused = (node.getRootNode() as ShadowRoot).activeElement as HTMLElement | null;
      const within = focused && list.contains(focused) ? find(focused) : null;
      const at = within && {
        index: order.indexOf(within.item.id),
        column: rows.get(within.item.id)!.controls().indexOf(focused!),
      };
      const before = order.length;

      order = state.items.map(({ id }) => id);
      const wanted = new Set(order);
      for (const [id, row] of rows) {
        if (wanted.has(id)) continue;
        row.node.remove();
        rows.delete(id);
        items.delete(id);
      }
      let next = list.firstElementChild;
      for (const item of state.items) {
        let row = rows.get(item.id);
        if (!row) {
          rows.set(item.id, (row = createRow(item, texts, age)));
          for (const control of row.node.querySelectorAll<HTMLElement>("[data-action]")) control.tabIndex = -1;
          row.updateAge(nowMs);
        }
        if (items.get(item.id) !== item || archived !== state.archived) {
          items.set(item.id, item);
          row.update(item, state.archived);
        }
        if (row.node === next) next = next.nextElementSibling;
        else list.insertBefore(row.node, next);
      }
      archived = state.archived;
      if (current === undefined || !rows.has(current)) setCurrent(order[0]);

      setHidden(list, !order.length);
      setHidden(empty, order.length > 0 || state.older === "loading");
      setText(emptyText, state.emptyText);
      const hadMore = focused === more;
      setText(more, state.older === "loading" ? texts.loading : texts.loadMore);
      more.setAttribute("aria-disabled", String(state.older === "loading"));
      setHidden(more, state.older === "none");

      // A row that is gone, or a control of it, hands the focus on to its place; a moved one gets it back.
      if (at && !(focused!.isConnected && !focused!.hidden)) focusAt(at.index, Math.max(0, at.column));
      else if (at && (node.getRootNode() as ShadowRoot).activeElement !== focused)
        focused!.focus({ preventScroll: true });
      else if (hadMore && more.hidden) focusAt(before, 0);
    },
    updateAges: (nowMs) => {
      for (const row of rows.values()) row.updateAge(nowMs);
    },
    focusFirst: () => {
      if (!order.length) return false;
      focusAt(0, 0);
      return true;
    },
  };
}
