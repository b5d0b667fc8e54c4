/** Where a click on a notification leads. The hub has checked its `link`; the page checks it again. */

export interface SafeLink {
  href: string;
  /** It leads to another origin than the page's. */
  foreign: boolean;
}

/** Return a link that can stand in `href`: http or https and no other scheme; undefined where there is none. */
export function readLink(link: unknown, page: string = document.baseURI): SafeLink | undefined {
  if (typeof link !== "string" || !link) return undefined;
  try {
    const url = new URL(link, page);
    if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
    return { href: url.href, foreign: url.origin !== new URL(page).origin };
  } catch {
    return undefined;
  }
}
