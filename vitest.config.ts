import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** They load no library that stays in the process and change nothing outside of it: many files share one, and its modules. */
const shared = globSync(
  [
    "{packages,apps}/{protocol,testkit,coordinator,cli}/src/**/*.test.ts",
    "packages/protocol/test/*.test.ts",
    "apps/provider/src/{events,inference,language,session}/**/*.test.ts",
  ],
  { cwd: import.meta.dirname },
  // A module that is replaced for a test must not be there already.
).filter((file) => !readFileSync(join(import.meta.dirname, file), "utf8").includes("vi.mock("));
const all = ["{packages,apps}/*/{src,test}/**/*.test.{ts,tsx}", "bench/**/*.test.ts", "test/**/*.test.ts"];

const everywhere = {
  testTimeout: 90_000,
  hookTimeout: 30_000,
  // One worker fewer than there are cores is vitest's own choice: on two cores that is one.
  maxWorkers: "100%",
};

export default defineConfig({
  test: {
    ...everywhere,
    projects: [
      { test: { ...everywhere, name: "own", include: all, exclude: shared } },
      { test: { ...everywhere, name: "shared", include: shared, isolate: false } },
    ],
  },
});
