/** The language of an element: the nearest `lang`, also through shadow roots, and that of the document. */

/** Return the language tag that an element stands in; empty where none is said. */
export function findLanguage(element: Element): string {
  for (let node: Node | null = element; node; ) {
    const found: Element | null | undefined = (node as Element).closest?.("[lang]");
    if (found) return found.getAttribute("lang") ?? "";
    const root: Node = node.getRootNode();
    node = root instanceof ShadowRoot ? root.host : null;
  }
  return document.documentElement.lang;
}
