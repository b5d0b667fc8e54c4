/** The languages of the page. */
import { en, type Texts } from "./en.js";
import { pt } from "./pt.js";

export type { Texts } from "./en.js";
export type Language = "en" | "pt-BR";

export const TEXTS: Readonly<Record<Language, Texts>> = { en, "pt-BR": pt };
/** The names in their own languages. */
export const LANGUAGES: readonly [Language, string][] = [
  ["en", "English"],
  ["pt-BR", "Português"],
];

export function chooseLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    if (/^pt\b/i.test(tag)) return "pt-BR";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}
