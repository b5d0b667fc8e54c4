/** The bell's styles. Lengths and sides are logical, so that a page in a right-to-left script mirrors them. */

const LIGHT = `--_surface:var(--bell-surface,#fff);--_text:var(--bell-text,#1a1f2b);--_soft:var(--bell-soft,#5b6374);--_line:var(--bell-line,#e2e5ec);--_control:var(--bell-control,#868e9f);--_accent:var(--bell-accent,#2458d6);--_unread:var(--bell-unread,#f0f4fd);--_shadow:var(--bell-shadow,0 12px 32px rgb(20 28 48/.18));--_blue:#2458d6;--_green:#0f7a4e;--_amber:#925600;--_violet:#7440c9;color-scheme:light`;
const DARK = `--_surface:var(--bell-surface,#181c25);--_text:var(--bell-text,#e8ebf2);--_soft:var(--bell-soft,#a3acbd);--_line:var(--bell-line,#2a303c);--_control:var(--bell-control,#768093);--_accent:var(--bell-accent,#8aaeff);--_unread:var(--bell-unread,#1f2635);--_shadow:var(--bell-shadow,0 12px 32px rgb(0 0 0/.55));--_blue:#8aaeff;--_green:#4fd097;--_amber:#f0ae4c;--_violet:#b999ff;color-scheme:dark`;

/** What the button needs, alone: a server sends it inside the page, before any script has run. */
export const BUTTON_STYLES = `
:host{display:inline-block;position:relative;line-height:1.4;text-align:start;vertical-align:middle}
:host([hidden]){display:none}
*{box-sizing:border-box}
.bell-button{position:relative;display:grid;place-items:center;inline-size:var(--bell-size,2.5rem);block-size:var(--bell-size,2.5rem);min-inline-size:24px;min-block-size:24px;margin:0;padding:0;border:0;border-radius:var(--bell-button-radius,.75rem);background:none;color:inherit;font:inherit;cursor:pointer}
.bell-button:focus-visible{outline:2px solid currentColor;outline-offset:2px}
svg{display:block;inline-size:1.25rem;block-size:1.25rem;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.bell-button svg{inline-size:55%;block-size:55%}
.bell-badge{position:absolute;inset-block-start:-.2rem;inset-inline-end:-.3rem;min-inline-size:1.25rem;padding-inline:.3rem;border-radius:1rem;background:var(--bell-badge,#c62828);color:var(--bell-on-badge,#fff);font:700 .72rem/1.25rem var(--bell-font,system-ui,sans-serif);text-align:center}
`;

const PANEL_STYLES = `
:host{${LIGHT}}
@media (prefers-color-scheme:dark){:host(:not([theme=light])){${DARK}}}
:host([theme=dark]){${DARK}}
[hidden]{display:none!important}
.unseen{position:absolute;inline-size:1px;block-size:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.bell-panel,.toasts{position:fixed;inset:auto;margin:0;padding:0;border:0;color:var(--_text);font:400 .9375rem/1.45 var(--bell-font,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif);letter-spacing:normal;text-align:start;text-transform:none;white-space:normal;word-spacing:normal;z-index:var(--bell-layer,1000)}
.bell-panel{display:flex;flex-direction:column;inline-size:min(var(--bell-width,25rem),calc(100vw - 16px));max-block-size:80vh;overflow:hidden;border:1px solid var(--_line);border-radius:var(--bell-radius,1rem);background:var(--_surface);box-shadow:var(--_shadow)}
.head,.tools,.foot{display:flex;flex:none;flex-wrap:wrap;gap:.25rem .5rem;align-items:center;padding-inline:1rem}
.head{padding-block:.6rem .2rem}
.tools{justify-content:space-between;padding-inline:.6rem;padding-block:0 .4rem;border-block-end:1px solid var(--_line);font-size:.82rem}
.foot{justify-content:space-between;padding-block:.4rem;border-block-start:1px solid var(--_line);color:var(--_soft);font-size:.8rem}
.heading{flex:1;font-weight:700}
.heading:focus{outline:none}
.quiet,.icon,.filter{margin:0;padding:.2rem .4rem;min-block-size:24px;min-inline-size:24px;border:0;border-radius:.5rem;background:none;color:var(--_accent);font:inherit;cursor:pointer}
.icon{display:grid;flex:none;place-items:center;inline-size:2rem;block-size:2rem;padding:0;color:var(--_soft)}
.icon svg{inline-size:1.1rem;block-size:1.1rem}
.filter{color:var(--_soft)}
.filter[aria-pressed=true]{background:var(--_unread);color:var(--_text);font-weight:600}
.quiet:hover,.icon:hover,.filter:hover{background:var(--_line);color:var(--_text)}
[aria-expanded=true].icon,[aria-pressed=true].icon{background:var(--_unread);color:var(--_text)}
.types input:disabled{cursor:default}
[aria-disabled=true],[aria-disabled=true]:hover{background:none;color:var(--_soft);cursor:default}
:focus-visible{outline:2px solid var(--_accent);outline-offset:-2px}
.scroll{flex:1 1 auto;min-block-size:4rem;overflow-y:auto;overscroll-behavior:contain}
.bell-list,.types{margin:0;padding:0;list-style:none}
.bell-list li{position:relative;display:flex;gap:.75rem;padding:.75rem 1rem;border-block-end:1px solid var(--_line);content-visibility:auto;contain-intrinsic-size:auto 5.5rem}
.bell-list li.is-unread{background:var(--_unread)}
.bell-list li.is-unread .title{font-weight:700}
.sign{display:grid;flex:none;place-items:center;inline-size:2.25rem;block-size:2.25rem;border-radius:.7rem;background:color-mix(in srgb,var(--_tone) 14%,transparent);color:var(--_tone)}
.blue{--_tone:var(--_blue)}.green{--_tone:var(--_green)}.amber{--_tone:var(--_amber)}.violet{--_tone:var(--_violet)}
.body{flex:1;min-inline-size:0}
.title{display:inline-block;max-inline-size:100%;min-block-size:24px;margin:0;padding:0 .15rem;border:0;border-radius:.25rem;background:none;color:inherit;font:inherit;font-weight:500;text-align:start;overflow-wrap:anywhere;text-decoration:none;cursor:pointer;unicode-bidi:isolate}
a.title{text-decoration:underline;text-underline-offset:.15em}
button.title{cursor:default}
.body p{display:-webkit-box;margin:.1rem 0 .2rem;padding-inline:.15rem;overflow:hidden;color:var(--_soft);font-size:.875rem;overflow-wrap:anywhere;unicode-bidi:isolate;-webkit-box-orient:vertical;-webkit-line-clamp:40;line-clamp:40}
time{padding-inline:.15rem;color:var(--_soft);font-size:.78rem}
.bell-actions{display:flex;flex:none;gap:.15rem;align-items:flex-start}
.empty{display:grid;gap:.75rem;justify-items:center;margin:0;padding:2.5rem 1rem;color:var(--_soft);text-align:center}
.more{display:block;inline-size:calc(100% - 2rem);margin:.6rem 1rem;padding:.5rem}
.types{padding:.5rem 1rem 1rem}
.types label{display:flex;gap:.75rem;align-items:center;justify-content:space-between;min-block-size:2.5rem;overflow-wrap:anywhere}
.types input{flex:none;inline-size:24px;block-size:24px;margin:0;accent-color:var(--_accent)}
.types small,.hint{color:var(--_soft)}
.hint{margin:0;padding:.75rem 1rem 0;font-size:.85rem}
.toasts{display:flex;flex-direction:column;gap:.6rem;inline-size:min(22rem,calc(100vw - 2rem));max-block-size:calc(100vh - 2rem);overflow:visible;background:none;pointer-events:none;inset-block-end:1rem;inset-inline-end:1rem}
:host([toasts^=top]) .toasts{inset-block:1rem auto}
:host([toasts$=start]) .toasts{inset-inline:1rem auto}
.toast,.rest{pointer-events:auto;border:1px solid var(--_line);border-radius:var(--bell-radius,1rem);background:var(--_surface);box-shadow:var(--_shadow)}
.toast{display:flex;gap:.75rem;padding:.8rem;animation:rise .25s ease-out}
.toast .title{font-weight:700}
.toast p{-webkit-line-clamp:4;line-clamp:4}
.rest{align-self:flex-end;padding:.35rem .9rem}
@keyframes rise{from{opacity:0;transform:translateY(.75rem)}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important;scroll-behavior:auto!important}}
@media (forced-colors:active){.bell-badge,.toast,.rest{border:1px solid}.bell-list li.is-unread{border-inline-start:4px solid Highlight}[aria-pressed=true]{outline:1px solid Highlight}[aria-disabled=true]{color:GrayText}:focus-visible,.bell-button:focus-visible{outline-color:Highlight}}
@media (pointer:coarse){.icon{inline-size:2.75rem;block-size:2.75rem}.quiet,.filter{min-block-size:2.75rem}}
`;

let sheet: CSSStyleSheet | undefined;

/** Give a shadow root the styles: as a shared sheet, which a Content Security Policy allows, else as an element. */
export function adoptStyles(root: ShadowRoot): void {
  try {
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(BUTTON_STYLES + PANEL_STYLES);
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  } catch {
    const style = document.createElement("style");
    style.textContent = BUTTON_STYLES + PANEL_STYLES;
    root.prepend(style);
  }
}
