// Writes the browser client's frame types from openapi/frames.schema.json; with `--check` it only compares.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const schemaFile = new URL("../../openapi/frames.schema.json", import.meta.url);
const typesFile = new URL("../browser/src/generated/frames.ts", import.meta.url);

const schema = JSON.parse(await readFile(schemaFile, "utf8"));
// The hub passes on what `data` holds beyond its type. The types name only what is declared all the same: a field that
// is misspelt must not compile. Data without a declared field is free.
for (const frame of Object.values(schema.$defs)) {
  const data = frame.properties?.data;
  if (data && !data.$ref && frame.properties.id) data.additionalProperties = true;
}
// What is only shown arrives as its publisher had it: a list as its JSON, a number as a database's text.
for (const [name, { properties = {} }] of Object.entries(schema.$defs)) {
  for (const { anyOf = [] } of name.endsWith("Data") ? Object.values(properties) : []) {
    const types = anyOf.map(({ type }) => type);
    if (!types.includes("string") && (types.includes("array") || types.includes("number")))
      anyOf.unshift({ type: "string" });
  }
}
const types = await compile(schema, "Frame", {
  additionalProperties: false,
  bannerComment: "/* Made from openapi/frames.schema.json by `make clients-types`; never edited by hand. */",
  format: false,
});
if (!process.argv.includes("--check")) {
  await writeFile(typesFile, types);
} else if ((await readFile(typesFile, "utf8")) !== types) {
  console.error("clients/browser/src/generated/frames.ts is not what openapi/ says: make clients-types");
  process.exitCode = 1;
}
