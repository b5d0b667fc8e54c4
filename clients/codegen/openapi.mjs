// Writes the service client's types from openapi/openapi.json; with `--check` it only compares.
// A company with types of its own gives two arguments: its document (`hub openapi`) and the file to write. That file
// has what the company publishes and no more: all else is the same in every hub, and comes with the service client.
import { readFile, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const [document, target] = process.argv.slice(2).filter((argument) => argument !== "--check");
const root = fileURLToPath(new URL("../../", import.meta.url));
const documentFile = resolve(document ?? `${root}openapi/openapi.json`);
const typesFile = resolve(target ?? `${root}clients/typescript/src/generated/openapi.ts`);

/** Returns the document with nothing but the schemas that `name` is made of. */
function keepOnly(api, name) {
  const { schemas } = api.components;
  const kept = new Set([name]);
  // A set gives what is added while it is walked, too.
  for (const each of kept) {
    for (const [, referred] of JSON.stringify(schemas[each]).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      kept.add(referred);
  }
  const entries = Object.entries(schemas).filter(([each]) => kept.has(each));
  return { openapi: api.openapi, info: api.info, paths: {}, components: { schemas: Object.fromEntries(entries) } };
}

const api = JSON.parse(await readFile(documentFile, "utf8"));
const tree = await openapiTS(document ? keepOnly(api, "PublishRequest") : api, {
  alphabetize: false,
  // Else every field with a default (`everyone`) would have to be given in each request.
  defaultNonNullable: false,
  // Else a free-form `data` would be an object that may hold nothing.
  emptyObjectsUnknown: true,
});
const origin = document
  ? "the company's document by clients/codegen/openapi.mjs"
  : "openapi/openapi.json by `make clients-types`";
const types = `/* Made from ${origin}; never edited by hand. */\n${astToString(tree)}`;
if (!process.argv.includes("--check")) {
  await writeFile(typesFile, types);
} else if ((await readFile(typesFile, "utf8")) !== types) {
  console.error(`${relative(root, typesFile)} is not what ${relative(root, documentFile)} says: make clients-types`);
  process.exitCode = 1;
}
