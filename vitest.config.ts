import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{packages,apps}/*/{src,test}/**/*.test.ts", "bench/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 90_000,
    hookTimeout: 30_000,
    // One worker fewer than there are cores is vitest's own choice: on two cores that is one.
    maxWorkers: "100%",
  },
});
