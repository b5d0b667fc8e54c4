/** The form that takes a service key. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { describeFailure } from "./failure.js";
import type { HubFailure } from "./hub.js";
import type { Texts } from "./texts/index.js";

const KEY = /^hubk_[A-Za-z0-9_-]{43}$/;

export function SignIn(props: {
  texts: Texts;
  failure: HubFailure | undefined;
  preferences: ComponentChildren;
  onKey: (key: string) => void;
}) {
  const { texts, failure } = props;
  const [key, setKey] = useState("");
  const [isWrong, setWrong] = useState(false);
  const message = isWrong ? texts.keyForm : failure && describeFailure(failure, texts);
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const entered = key.trim();
          if (KEY.test(entered)) props.onKey(entered);
          else setWrong(true);
        }}
      >
        <h1>{texts.title}</h1>
        <label for="key">{texts.serviceKey}</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-describedby={message === undefined ? "key-hint" : "key-hint key-message"}
          aria-invalid={message !== undefined}
          value={key}
          onInput={(event) => {
            setKey(event.currentTarget.value);
            setWrong(false);
          }}
        />
        <p id="key-hint" class="soft">
          {texts.keyHint}
        </p>
        {message === undefined ? null : (
          <p id="key-message" class="box is-bad" role="alert">
            {message}
          </p>
        )}
        <button type="submit" class="main">
          {texts.signIn}
        </button>
      </form>
      {props.preferences}
    </main>
  );
}
