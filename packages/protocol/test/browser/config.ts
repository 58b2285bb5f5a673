import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineBrowserProvider } from "@vitest/browser";
import { defineConfig } from "vitest/config";
import { Chromium } from "./chromium.ts";

const here = import.meta.dirname;
const root = join(here, "../../../..");
const vectors = join(root, "vectors");
const VECTORS = "virtual:vectors";

/**
 * The protocol's tests of what a client checks and seals, in a browser: the same files, with the adapters of
 * `src/web` in the place of those of `src/node`.
 */
export default defineConfig({
  root,
  optimizeDeps: {
    include: ["@peculiar/x509", "reflect-metadata", "canonicalize"],
  },
  plugins: [
    {
      name: "in a browser",
      enforce: "pre",
      async resolveId(source, importer) {
        if (source === VECTORS) return `\0${VECTORS}`;
        if (source === "node:fs") return join(here, "fs.ts");
        if (!source.startsWith(".")) return undefined;
        const resolved = await this.resolve(source, importer, { skipSelf: true });
        return /\/protocol\/src\/node\/\w+\.ts$/.test(resolved?.id ?? "") ? join(here, "node.ts") : undefined;
      },
      load(id) {
        if (id !== `\0${VECTORS}`) return undefined;
        const names = readdirSync(vectors).filter((name) => name.endsWith(".json"));
        const texts = names.map((name) => [name, readFileSync(join(vectors, name), "utf8")]);
        return `export default ${JSON.stringify(Object.fromEntries(texts))};`;
      },
    },
  ],
  test: {
    include: [
      "packages/protocol/src/{evidence,receipts,sealing}/*.test.ts",
      "packages/protocol/src/web/*.test.ts",
      "packages/protocol/test/certificate-vectors.test.ts",
    ],
    // It computes the same with Node's own crypto, which no browser has.
    exclude: ["packages/protocol/src/sealing/commitments.test.ts"],
    testTimeout: 90_000,
    browser: {
      enabled: true,
      headless: true,
      ui: false,
      screenshotFailures: false,
      // Nothing here is drawn.
      commands: { __vitest_viewport: () => undefined },
      provider: defineBrowserProvider({ name: "chromium", providerFactory: () => new Chromium() }),
      instances: [{ browser: "chromium" }],
    },
  },
});
