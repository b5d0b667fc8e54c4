/** One field of the form that is made of a schema, and the fields inside it. */
import { usePage } from "./page.js";
import type { Entries, Field } from "./schema.js";

export function FieldInput(props: {
  field: Field;
  path: string;
  entries: Entries;
  onChange: (path: string, text: string) => void;
}) {
  const { texts } = usePage();
  const { field, path, entries, onChange } = props;
  const name = field.kind === "object" && field.name === "data" ? texts.data : field.name;
  if (field.kind === "object") {
    return (
      <fieldset>
        <legend>
          {name} {field.required ? "" : `(${texts.optional})`}
        </legend>
        {field.fields.map((inner) => (
          <FieldInput
            key={inner.name}
            field={inner}
            path={`${path}.${inner.name}`}
            entries={entries}
            onChange={onChange}
          />
        ))}
      </fieldset>
    );
  }
  const value = entries[path] ?? "";
  const change = (event: { currentTarget: { value: string } }): void => onChange(path, event.currentTarget.value);
  const label = field.name === "data" ? texts.data : field.name;
  const options = field.kind === "boolean" ? ["true", "false"] : field.options;
  return (
    <div class={field.kind === "json" ? "field wide" : "field"}>
      <label for={path}>
        {label} {field.required ? null : <span class="soft">({texts.optional})</span>}
        {field.kind === "json" ? <span class="soft"> {texts.jsonValue}</span> : null}
      </label>
      {field.kind === "choice" || field.kind === "boolean" ? (
        <select id={path} value={value} onChange={change}>
          <option value="" />
          {options.map((option) => (
            <option key={option} value={option}>
              {field.kind === "boolean" ? (option === "true" ? texts.yes : texts.no) : option}
            </option>
          ))}
        </select>
      ) : field.kind === "json" ? (
        <textarea id={path} rows={3} class="code" spellcheck={false} value={value} onInput={change} />
      ) : (
        <input
          id={path}
          dir="auto"
          autocomplete="off"
          inputMode={field.kind === "number" ? "decimal" : field.kind === "integer" ? "numeric" : undefined}
          value={value}
          onInput={change}
        />
      )}
    </div>
  );
}
