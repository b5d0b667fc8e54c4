// Checks AsyncAPI documents with AsyncAPI's own parser: node asyncapi.mjs FILE...
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const files = process.argv.slice(2);
if (files.length === 0) throw new Error("give the documents to check");
for (const file of files) {
  const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"));
  // Errors and warnings; what is below them are hints.
  const faults = diagnostics.filter(({ severity }) => severity <= 1);
  for (const { code, message, path } of faults) console.error(`${file}: ${path.join(".")}: ${message} (${code})`);
  if (faults.length > 0 || !document) {
    process.exitCode = 1;
    continue;
  }
  console.log(`${file}: AsyncAPI ${document.version()}, ${document.allMessages().length} messages`);
}
