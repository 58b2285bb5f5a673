/** Writes the values of the code beside the names in LIMITS.md. `npm run limits`; a test insists on it. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { valuesOf, withValues } from "./limit-values.ts";

const root = join(import.meta.dirname, "..");
const sources = globSync("{apps/{cli,coordinator,provider}/src,packages/{client,protocol}/src}/**/*.ts", { cwd: root })
  .filter((file) => !file.endsWith(".test.ts"))
  .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));
const path = join(root, "LIMITS.md");
writeFileSync(path, withValues(readFileSync(path, "utf8"), valuesOf(sources).values));
