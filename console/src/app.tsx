/** The page as a whole: nobody is signed in, or one service is, and its views are shown. */
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { Preferences, type Theme } from "./preferences.js";
import { Session } from "./session.js";
import { SignIn } from "./sign-in.js";
import { chooseLanguage, type Language, TEXTS } from "./texts/index.js";
import type { HubFailure } from "./hub.js";

export function App() {
  const [language, setLanguage] = useState<Language>(() => chooseLanguage(navigator.languages));
  const [theme, setTheme] = useState<Theme>("auto");
  const [serviceKey, setServiceKey] = useState("");
  const [failure, setFailure] = useState<HubFailure>();
  const texts = TEXTS[language];

  useLayoutEffect(() => {
    document.documentElement.lang = language;
    document.title = texts.title;
  }, [language, texts]);
  useLayoutEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  useEffect(() => {
    // A page that comes back from the browser's cache would still have the key.
    const forget = (): void => setServiceKey("");
    window.addEventListener("pagehide", forget);
    return () => window.removeEventListener("pagehide", forget);
  }, []);

  const preferences = (
    <Preferences texts={texts} language={language} theme={theme} onLanguage={setLanguage} onTheme={setTheme} />
  );
  if (serviceKey === "") {
    return (
      <SignIn
        texts={texts}
        failure={failure}
        preferences={preferences}
        onKey={(key) => {
          setFailure(undefined);
          setServiceKey(key);
        }}
      />
    );
  }
  return (
    <Session
      texts={texts}
      language={language}
      serviceKey={serviceKey}
      preferences={preferences}
      onEnd={(ended) => {
        setFailure(ended);
        setServiceKey("");
      }}
    />
  );
}
