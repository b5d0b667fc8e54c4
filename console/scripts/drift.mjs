/** Build the page again, and fail where the committed one is another. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { build } from "vite";

const COMMITTED = path.resolve(import.meta.dirname, "../../hub/api/console");

const folder = await mkdtemp(path.join(os.tmpdir(), "hub-console-"));
try {
  await build({ logLevel: "warn", build: { outDir: folder } });
  const names = [...new Set([...(await readdir(folder)), ...(await readdir(COMMITTED))])].sort();
  for (const name of names) {
    const [made, committed] = await Promise.all(
      [folder, COMMITTED].map((place) => readFile(path.join(place, name)).catch(() => undefined)),
    );
    if (!made || !committed?.equals(made)) {
      console.error(`hub/api/console/${name} is not what console/ builds: run make console`);
      process.exitCode = 1;
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
