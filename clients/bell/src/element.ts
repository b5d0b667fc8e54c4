/** `<notification-bell>`: the custom element. On a server the class exists and does nothing. */
import type { Hub, Notification } from "@notification-hub/client";
import { createBell, type Bell } from "./bell.js";
import { findLanguage } from "./language.js";
import type { Texts } from "./texts.js";

/** Asks the page where a click leads. `preventDefault()` where the page takes the user there itself. */
export type NotificationOpenEvent = CustomEvent<{ notification: Notification }>;
/** Tells that the panel was opened or closed. */
export type BellToggleEvent = CustomEvent<{ open: boolean }>;

const Base: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);
const PROPERTIES = ["hub", "texts"] as const;

export class NotificationBellElement extends Base {
  static readonly observedAttributes = ["lang", "open", "push"];
  #hub: Hub | null = null;
  #texts: Partial<Texts> = {};
  #bell: Bell | undefined;
  #observer: MutationObserver | undefined;
  #language = "";
  #ready = false;

  /** The hub of `createHub`. The bell connects it where it is idle, and never closes it. */
  get hub(): Hub | null {
    return this.#hub;
  }
  set hub(hub: Hub | null | undefined) {
    if ((hub ?? null) === this.#hub) return;
    this.#hub = hub ?? null;
    this.#rebuild();
  }

  /** Texts in place of the bell's own. */
  get texts(): Partial<Texts> {
    return this.#texts;
  }
  set texts(texts: Partial<Texts> | undefined) {
    if (texts === this.#texts) return;
    this.#texts = texts ?? {};
    this.#rebuild();
  }

  /** Whether the panel is open; also the attribute `open`. */
  get open(): boolean {
    return this.hasAttribute("open");
  }
  set open(open: boolean) {
    this.toggleAttribute("open", open);
  }

  connectedCallback(): void {
    // What was set before the element was defined hides the accessors.
    for (const name of PROPERTIES) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete (this as Partial<Record<typeof name, unknown>>)[name];
      (this as Record<string, unknown>)[name] = value;
    }
    this.#observer = new MutationObserver(() => this.#readLanguage());
    this.#observer.observe(document.documentElement, { attributeFilter: ["lang"] });
    this.#language = findLanguage(this);
    this.#ready = true;
    this.#rebuild();
  }

  disconnectedCallback(): void {
    this.#ready = false;
    this.#observer?.disconnect();
    this.#bell?.end();
    this.#bell = undefined;
  }

  attributeChangedCallback(name: string): void {
    if (!this.#bell) return;
    if (name === "lang") this.#readLanguage();
    else if (name === "push") this.#rebuild();
    else this.#bell.toggle(this.open);
  }

  #readLanguage(): void {
    const language = findLanguage(this);
    if (language === this.#language) return;
    this.#language = language;
    this.#rebuild();
  }

  #rebuild(): void {
    if (!this.#ready) return;
    const { open } = this;
    this.#bell?.end();
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    this.#bell = createBell(root, {
      hub: this.#hub,
      language: this.#language,
      texts: this.#texts,
      push: this.getAttribute("push"),
      wantsToasts: () => (this.getAttribute("toasts") ?? "off") !== "off",
      onOpen: (notification) => this.#tell("notification-open", { notification }, true),
      onToggle: (open) => {
        this.open = open;
        this.#tell("bell-toggle", { open });
      },
    });
    this.#bell.toggle(open);
    this.#connect();
  }

  /** A hub that a page has closed stays closed. */
  #connect(): void {
    if (this.#hub?.status.state !== "idle") return;
    try {
      this.#hub.connect();
    } catch (error) {
      // An address that is not valid must not break the page.
      console.error(error);
    }
  }

  #tell(name: string, detail: unknown, cancelable = false): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, cancelable, bubbles: true, composed: true }));
  }
}

/** Define the element, once; importing the package does it for `notification-bell`. */
export function defineBell(name = "notification-bell"): void {
  if (globalThis.customElements && !customElements.get(name)) {
    customElements.define(
      name,
      name === "notification-bell" ? NotificationBellElement : class extends NotificationBellElement {},
    );
  }
}
