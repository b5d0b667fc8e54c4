/** The bell as a server renders it: a declarative shadow root with the button alone, which the element takes over. */
import { BELL } from "./icons.js";
import { BUTTON_STYLES } from "./styles.js";
import { chooseTexts } from "./texts.js";

const MARKS: Record<string, string> = { "&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;" };
const escapeText = (text: string): string => text.replace(/[&"<>]/g, (mark) => MARKS[mark]!);

/** Return the HTML inside `<notification-bell>`. `nonce` is the page's, where its policy asks for one of styles. */
export function renderTemplate({ language, nonce }: { language: string; nonce?: string | undefined }): string {
  const style = nonce ? `<style nonce="${escapeText(nonce)}">` : "<style>";
  const label = escapeText(chooseTexts(language).notifications);
  return (
    `<template shadowrootmode="open">${style}${BUTTON_STYLES}</style>` +
    `<button type="button" class="bell-button" part="button" aria-label="${label}" aria-expanded="false">` +
    `<slot name="icon"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="${BELL}"></path></svg></slot></button></template>`
  );
}
