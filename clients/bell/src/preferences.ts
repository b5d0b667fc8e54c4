/** The choice of what to be notified of: a switch for each type, and one for Web Push in this browser. */
import type { PreferencesView } from "@notification-hub/client/inbox";
import type { PushState } from "@notification-hub/client/push";
import { make, setHidden, setText } from "./dom.js";
import type { Texts } from "./texts.js";

export interface PreferencesHandlers {
  nameType(type: string): string;
  /** Rejects where it could not be changed. */
  setMuted(type: string, muted: boolean): Promise<unknown>;
  setPush(on: boolean): Promise<unknown>;
}

export interface PreferencesPanel {
  readonly node: HTMLElement;
  render(view: PreferencesView, push: PushState): void;
}

interface Switch {
  node: HTMLLIElement;
  input: HTMLInputElement;
  note: HTMLElement;
}

/** Return the view of the preferences, which the panel shows in place of the list. */
export function createPreferences(texts: Texts, handlers: PreferencesHandlers): PreferencesPanel {
  const hint = make("p", { class: "hint" }, texts.preferencesHint);
  const problem = make("p", { class: "hint", role: "status" });
  const list = make("ul", { class: "types", role: "list" });
  const node = make(
    "div",
    { class: "scroll", id: "preferences", part: "preferences", hidden: "" },
    hint,
    list,
    problem,
  );
  const switches = new Map<string, Switch>();
  let shown: PreferencesView | undefined;
  let shownPush: PushState = "unsupported";

  const makeSwitch = (name: string, change: (on: boolean) => Promise<unknown>): Switch => {
    const input = make("input", { type: "checkbox", role: "switch", part: "switch" });
    const note = make("small");
    const label = make("label", {}, make("span", { dir: "auto" }, name, " ", note), input);
    input.addEventListener("change", () => {
      setText(problem, "");
      change(input.checked).catch(() => {
        setText(problem, texts.notChanged);
        render(shown!, shownPush);
      });
    });
    return { node: make("li", {}, label), input, note };
  };
  const push = makeSwitch(texts.push, handlers.setPush);

  const render = (view: PreferencesView, pushState: PushState): void => {
    [shown, shownPush] = [view, pushState];
    const wanted = new Set(view.types.map(({ type }) => type));
    for (const [type, { node }] of switches) {
      if (wanted.has(type)) continue;
      node.remove();
      switches.delete(type);
    }
    if (!push.node.isConnected) list.prepend(push.node);
    setHidden(push.node, pushState === "unsupported");
    push.input.checked = pushState === "on";
    push.input.disabled = pushState === "denied";
    setText(push.note, pushState === "denied" ? texts.pushDenied : "");
    for (const { type, mandatory, muted } of view.types) {
      let one = switches.get(type);
      if (!one) {
        one = makeSwitch(handlers.nameType(type), (on) => handlers.setMuted(type, !on));
        switches.set(type, one);
        list.append(one.node);
      }
      one.input.checked = mandatory || !muted;
      one.input.disabled = mandatory;
      setText(one.note, mandatory ? texts.mandatory : "");
    }
  };
  return { node, render };
}
