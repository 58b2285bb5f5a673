import { join } from "node:path";
import { defineBrowserProvider } from "@vitest/browser";
import { defineConfig } from "vitest/config";
import { Chromium } from "../../../protocol/test/browser/chromium.ts";
import { PAGE_PORT } from "./network.ts";

/** The client and the official SDKs in a page, against the running program on another origin. */
export default defineConfig({
  root: join(import.meta.dirname, "../../../.."),
  optimizeDeps: { include: ["openai", "@anthropic-ai/sdk", "canonicalize"] },
  test: {
    include: ["packages/client/test/browser/*.page.ts"],
    globalSetup: [join(import.meta.dirname, "network.ts")],
    testTimeout: 90_000,
    api: { host: "localhost", port: PAGE_PORT, strictPort: true },
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
