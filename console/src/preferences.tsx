/** Language and appearance; kept as long as the page is, and not stored. */
import { LANGUAGES, type Language, type Texts } from "./texts/index.js";

export type Theme = "auto" | "light" | "dark";

export function Preferences(props: {
  texts: Texts;
  language: Language;
  theme: Theme;
  onLanguage: (language: Language) => void;
  onTheme: (theme: Theme) => void;
}) {
  const { texts } = props;
  return (
    <div class="preferences">
      <label>
        <span class="hidden">{texts.language}</span>
        <select value={props.language} onChange={(event) => props.onLanguage(event.currentTarget.value as Language)}>
          {LANGUAGES.map(([language, name]) => (
            <option key={language} value={language} lang={language}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="hidden">{texts.theme}</span>
        <select value={props.theme} onChange={(event) => props.onTheme(event.currentTarget.value as Theme)}>
          <option value="auto">{texts.themeAuto}</option>
          <option value="light">{texts.themeLight}</option>
          <option value="dark">{texts.themeDark}</option>
        </select>
      </label>
    </div>
  );
}
