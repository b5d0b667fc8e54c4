/** Writes a notification, from a form made of the hub's schemas or as JSON; publishes it, or asks what that would do. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { FailureBox } from "../failure.js";
import { FieldInput } from "../field.js";
import { formatCount } from "../format.js";
import { get, post } from "../hub.js";
import { usePage } from "../page.js";
import { useRequest } from "../request.js";
import {
  type ApiDocument,
  type Draft,
  EntryError,
  makeBody,
  type PublishType,
  readTypes,
  type TargetKind,
  writeEntries,
} from "../schema.js";
import type { Explanation, Receipt } from "../wire.js";
import { ExplanationBox } from "./explanation.js";

const EMPTY: Draft = {
  type: "",
  title: "",
  message: "",
  target: "user",
  userIds: "",
  accountId: "",
  ttlSeconds: "",
  entries: {},
};

export function PublishView({ mode }: { mode: "explain" | "publish" }) {
  const { texts, serviceKey, introduction, may } = usePage();
  const [schemas, readSchemas] = useRequest<readonly PublishType[]>();
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [json, setJson] = useState<string>();
  const [wrong, setWrong] = useState<string>();
  const [receipt, publish, forgetReceipt] = useRequest<Receipt>();
  const [explanation, explain, forgetExplanation] = useRequest<Explanation>();
  const [asked, setAsked] = useState({ userId: "", accountId: "", service: "" });
  // The same for each attempt with the same body: a response that was lost publishes nothing twice.
  const attempt = useRef({ body: "", key: "" });

  // The schemas are read once for each key.
  useEffect(() => {
    readSchemas(async () => readTypes(await get<ApiDocument>(serviceKey, "/schema/openapi.json")));
  }, [serviceKey]);
  const types = useMemo(() => {
    const all = schemas.kind === "done" ? schemas.result : [];
    return all.filter(({ type }) => introduction.types?.includes(type) ?? true);
  }, [schemas, introduction]);
  const kind = types.find(({ type }) => type === draft.type);
  useEffect(() => {
    if (draft.type === "" && types[0] !== undefined) setDraft((before) => ({ ...before, type: types[0]!.type }));
  }, [types, draft.type]);
  const hasForm = types.length > 0;
  const isJson = json !== undefined || (schemas.kind === "failed" && !hasForm);

  function change(part: Partial<Draft>): void {
    setWrong(undefined);
    setDraft((before) => ({ ...before, ...part }));
  }

  /** Return what is to be sent, or say what is wrong with it. */
  function readBody(): Record<string, unknown> | undefined {
    try {
      if (!isJson) return makeBody(draft, kind);
      const body: unknown = JSON.parse(json ?? "");
      if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
      setWrong(texts.invalidJson);
    } catch (error) {
      setWrong(error instanceof EntryError ? `${texts.invalidEntry} ${error.path}` : texts.invalidJson);
    }
    return undefined;
  }

  function submit(): void {
    const body = readBody();
    if (body === undefined) return;
    forgetReceipt();
    forgetExplanation();
    if (mode === "explain") {
      const question = {
        explain_user_id: asked.userId,
        explain_account_id: asked.accountId,
        explain_service: asked.service,
      };
      const given = Object.entries(question).filter(([, value]) => value !== "");
      const text = JSON.stringify({ ...body, ...Object.fromEntries(given) });
      explain(() => post(serviceKey, "/api/internal/explain", text));
      return;
    }
    const text = JSON.stringify(body);
    if (attempt.current.body !== text) attempt.current = { body: text, key: randomKey() };
    const { key } = attempt.current;
    publish(async () => {
      const done = await post<Receipt>(serviceKey, "/api/internal/notify", text, key);
      // The next press is another notification.
      attempt.current = { body: "", key: "" };
      return done;
    });
  }

  if (mode === "publish" && !may("publish")) return <p class="box is-doubtful">{texts.missingPublish}</p>;
  if (schemas.kind === "idle" || schemas.kind === "working") return <p>{texts.working}</p>;
  return (
    <form
      class="publish"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {mode === "publish" ? <p class="box is-doubtful">{texts.publishWarning}</p> : null}
      {schemas.kind === "failed" ? <p class="box is-doubtful">{texts.noSchema}</p> : null}
      {hasForm ? (
        <div class="buttons">
          <button type="button" aria-pressed={!isJson} onClick={() => setJson(undefined)}>
            {texts.form}
          </button>
          <button
            type="button"
            aria-pressed={isJson}
            onClick={() => {
              const body = isJson ? undefined : readBody();
              if (body !== undefined) setJson(JSON.stringify(body, null, 2));
            }}
          >
            {texts.json}
          </button>
        </div>
      ) : null}
      {isJson ? (
        <label class="wide">
          {texts.body}
          <textarea
            rows={14}
            spellcheck={false}
            class="code"
            value={json ?? ""}
            onInput={(event) => {
              setWrong(undefined);
              setJson(event.currentTarget.value);
            }}
          />
        </label>
      ) : (
        <DraftFields draft={draft} types={types} kind={kind} onChange={change} />
      )}
      {mode === "explain" ? (
        <fieldset>
          <legend>{texts.explain}</legend>
          <label class="wide">
            {texts.explainUser} ({texts.optional})
            <input
              maxLength={128}
              autocomplete="off"
              value={asked.userId}
              onInput={(event) => setAsked({ ...asked, userId: event.currentTarget.value })}
            />
          </label>
          <label>
            {texts.explainAccount} ({texts.optional})
            <input
              maxLength={128}
              autocomplete="off"
              value={asked.accountId}
              onInput={(event) => setAsked({ ...asked, accountId: event.currentTarget.value })}
            />
          </label>
          <label>
            {texts.explainService} ({texts.optional})
            <input
              maxLength={64}
              autocomplete="off"
              value={asked.service}
              onInput={(event) => setAsked({ ...asked, service: event.currentTarget.value })}
            />
          </label>
        </fieldset>
      ) : null}
      {wrong === undefined ? null : (
        <p class="box is-bad" role="alert">
          {wrong}
        </p>
      )}
      <div class="buttons">
        <button type="submit" class="main" disabled={receipt.kind === "working" || explanation.kind === "working"}>
          {mode === "publish" ? texts.publishButton : texts.explainButton}
        </button>
      </div>
      <div aria-live="polite">
        {receipt.kind === "working" || explanation.kind === "working" ? <p>{texts.working}</p> : null}
        {receipt.kind === "failed" ? <FailureBox failure={receipt.failure} texts={texts} /> : null}
        {receipt.kind === "done" ? <ReceiptBox receipt={receipt.result} /> : null}
        {explanation.kind === "failed" ? <FailureBox failure={explanation.failure} texts={texts} /> : null}
        {explanation.kind === "done" ? <ExplanationBox explanation={explanation.result} /> : null}
      </div>
    </form>
  );
}

function DraftFields(props: {
  draft: Draft;
  types: readonly PublishType[];
  kind: PublishType | undefined;
  onChange: (part: Partial<Draft>) => void;
}) {
  const { texts, introduction } = usePage();
  const { draft, kind, onChange } = props;
  const targets: [TargetKind, string][] = [
    ["user", texts.user],
    ["users", texts.usersTarget],
    ["account", texts.account],
    ...(introduction.everyone ? ([["everyone", texts.everyone]] as [TargetKind, string][]) : []),
  ];

  function fill(): void {
    const example = kind?.example;
    if (example === undefined) return;
    const { title, message } = example;
    const fields = [...(kind?.data === undefined ? [] : [kind.data]), ...(kind?.extras ?? [])];
    onChange({
      title: typeof title === "string" ? title : "",
      message: typeof message === "string" ? message : "",
      entries: Object.assign({}, ...fields.map((field) => writeEntries(field, example[field.name]))),
    });
  }

  return (
    <>
      <label class="wide">
        {texts.type}
        <select
          value={draft.type}
          onChange={(event) => onChange({ type: event.currentTarget.value, entries: {} })}
          aria-describedby="type-about"
        >
          {props.types.map(({ type }) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
      </label>
      <p id="type-about" class="soft">
        {kind?.description}
      </p>
      {kind?.example === undefined ? null : (
        <div class="buttons">
          <button type="button" onClick={fill}>
            {texts.fillExample}
          </button>
        </div>
      )}
      {kind?.texts.title === undefined ? null : (
        <label class="wide">
          {texts.titleField}
          <input
            required={kind.texts.title}
            dir="auto"
            value={draft.title}
            onInput={(event) => onChange({ title: event.currentTarget.value })}
          />
        </label>
      )}
      {kind?.texts.message === undefined ? null : (
        <label class="wide">
          {texts.messageField}
          <textarea
            required={kind.texts.message}
            dir="auto"
            rows={2}
            value={draft.message}
            onInput={(event) => onChange({ message: event.currentTarget.value })}
          />
        </label>
      )}
      {kind?.data === undefined ? null : (
        <FieldInput
          field={kind.data}
          path={kind.data.name}
          entries={draft.entries}
          onChange={(path, text) => onChange({ entries: { ...draft.entries, [path]: text } })}
        />
      )}
      <fieldset>
        <legend>{texts.target}</legend>
        <label>
          {texts.target}
          <select
            value={draft.target}
            onChange={(event) => onChange({ target: event.currentTarget.value as TargetKind })}
          >
            {targets.map(([target, name]) => (
              <option key={target} value={target}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {draft.target === "user" || draft.target === "users" ? (
          <label>
            {draft.target === "user" ? texts.userId : texts.userIds}
            <input
              required
              autocomplete="off"
              spellcheck={false}
              value={draft.userIds}
              onInput={(event) => onChange({ userIds: event.currentTarget.value })}
            />
          </label>
        ) : null}
        {draft.target === "everyone" ? null : (
          <label>
            {draft.target === "account" ? texts.accountId : `${texts.accountId} (${texts.optional})`}
            <input
              required={draft.target === "account"}
              autocomplete="off"
              spellcheck={false}
              maxLength={128}
              value={draft.accountId}
              onInput={(event) => onChange({ accountId: event.currentTarget.value })}
            />
          </label>
        )}
        <label>
          {texts.ttl} ({texts.optional})
          <input
            inputMode="numeric"
            value={draft.ttlSeconds}
            onInput={(event) => onChange({ ttlSeconds: event.currentTarget.value })}
          />
        </label>
        {kind?.extras.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            path={field.name}
            entries={draft.entries}
            onChange={(path, text) => onChange({ entries: { ...draft.entries, [path]: text } })}
          />
        ))}
      </fieldset>
    </>
  );
}

function ReceiptBox({ receipt }: { receipt: Receipt }) {
  const { texts, language, showTrace } = usePage();
  return (
    <div class="box is-good">
      <p>
        <strong>{texts.publishedDone}</strong> {receipt.duplicate ? texts.duplicate : ""}
      </p>
      <p>
        Id{" "}
        <button type="button" class="link" onClick={() => showTrace(receipt.id)}>
          <bdi class="id">{receipt.id}</bdi>
        </button>{" "}
        · {texts.cursor} <code>{receipt.cursor}</code> · {texts.connections}{" "}
        {formatCount(receipt.connections, language)}
      </p>
      {receipt.warnings === undefined || receipt.warnings.length === 0 ? null : (
        <>
          <p>{texts.warnings}</p>
          <ul>
            {receipt.warnings.map((warning) => (
              <li key={warning.field}>
                <code>{warning.field}</code> {warning.detail}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

/** A name for one publish. `crypto.randomUUID` is missing where the page comes over plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
