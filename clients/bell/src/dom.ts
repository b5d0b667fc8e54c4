/** Makes elements without HTML: a text stays a text, whatever is in it, also under Trusted Types. */

type Properties = Record<string, string | undefined>;

/** Return an element with these attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Properties = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Return a button, which never submits a form around the bell. */
export function makeButton(attributes: Properties, ...children: (Node | string)[]): HTMLButtonElement {
  return make("button", { type: "button", ...attributes }, ...children);
}

/** Write a text, an attribute or a flag only where it changed, so that nothing is laid out or announced again. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden;
}
